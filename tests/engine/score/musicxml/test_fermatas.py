"""Fermatas on notes, rests and bar lines, in the order of play, of the parts that are followed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.engine.score.musicxml.writing import FORWARD, backward, musicxml, note, read_text, rest

HELD = "<notations><fermata/></notations>"
HELD_BAR = '<barline location="right"><fermata type="inverted"/></barline>'


def fermatas(folder: Path, *parts: Sequence[str], solo: str = "all") -> list[float]:
    return read_text(folder, musicxml(*parts), parts=(solo,)).fermata_quarter.tolist()


def test_a_fermata_stands_where_what_it_holds_begins(tmp_path: Path) -> None:
    bar = note("C4", 1) + note("D4", 3, HELD)
    held_rest = rest(2).replace("</note>", HELD + "</note>")
    assert fermatas(tmp_path, [bar, note("E4", 2) + held_rest, note("C4")]) == [1.0, 6.0]


def test_one_on_a_bar_line_holds_what_is_before_it(tmp_path: Path) -> None:
    assert fermatas(tmp_path, [note("C4", 2) + note("D4", 2) + HELD_BAR, note("C4")]) == [2.0]


def test_it_is_held_each_time_that_it_is_played(tmp_path: Path) -> None:
    assert fermatas(tmp_path, [FORWARD + note("C4", 4, HELD), note("D4") + backward()]) == [0.0, 8.0]


@pytest.mark.parametrize(("held", "expected"), [("100", [0.0]), ("010", []), ("011", [0.0]), ("000", [])])
def test_those_of_the_solo_count_and_those_that_all_others_have(
    tmp_path: Path, held: str, expected: list[float]
) -> None:
    parts = [[note("C4", 4, HELD if each == "1" else "")] for each in held]
    assert fermatas(tmp_path, *parts, solo="P1") == expected


def test_the_first_note_of_the_score_is_quarter_nought(tmp_path: Path) -> None:
    assert fermatas(tmp_path, [rest(3) + note("C4", 1), note("D4", 4, HELD)]) == [1.0]
