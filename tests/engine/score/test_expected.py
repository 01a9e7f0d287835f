"""Scores as people bring them, each compared with the right notes, bars and tempi."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.core.errors import ScoreError
from engine.score.readers import read_score
from tests.engine.score.expected import expected_rows, faults
from tests.places import SHARED

FOLDER = SHARED.parent / "cases" / "scores"
CASES = expected_rows(FOLDER) if FOLDER.is_dir() else {}


@pytest.mark.shared
@pytest.mark.parametrize("name", CASES)
def test_every_case_is_read_as_its_notation_says(name: str) -> None:
    assert faults(FOLDER / name, CASES[name]) == []


@pytest.mark.shared
def test_the_cases_are_there(shared: Path) -> None:
    assert len(CASES) >= 38, shared


SCALE = """<score-partwise><part-list><score-part id="P1"><part-name>Flute</part-name></score-part></part-list>
<part id="P1"><measure number="1"><attributes><divisions>1</divisions></attributes><sound tempo="90"/>
<note><pitch><step>C</step><octave>4</octave></pitch><duration>1</duration></note>
<note><pitch><step>D</step><octave>4</octave></pitch><duration>1</duration></note></measure></part></score-partwise>"""
RIGHT = {"right_notes": [[0, 60], [1, 62]], "right_bars": [[0, 1]], "right_tempi": [[0, 90]], "why": ""}


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({}, ""),
        ({"right_notes": "any"}, ""),
        ({"right_notes": "error"}, "to be refused"),
        ({"right_notes": [[0, 60]]}, "notes"),
        ({"right_notes": [[0, 60], [1, 63]]}, "notes"),
        ({"right_notes": [[0, 60], [1, 62], [1, 62]]}, "notes"),
        ({"right_bars": [[0, 2]]}, "bars"),
        ({"right_bars": [[0, 1], [2, 2]]}, "bars"),
        ({"right_tempi": [[0, 91]]}, "tempi"),
        ({"right_tempi": [[0, 90], [1, 100]]}, "tempi"),
    ],
)
def test_the_comparison_sees_every_difference(tmp_path: Path, change: dict, wrong: str) -> None:
    (tmp_path / "a.musicxml").write_text(SCALE)
    found = faults(tmp_path / "a.musicxml", RIGHT | change)
    assert [wrong in fault for fault in found] == ([True] if wrong else [])


def test_an_expectation_of_an_unknown_kind_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.musicxml").write_text(SCALE)
    (tmp_path / "EXPECTED.json").write_text(json.dumps({"a.musicxml": RIGHT | {"right_sound": []}}))
    with pytest.raises(AssertionError):
        expected_rows(tmp_path)


def test_refusals_name_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.musicxml").write_text(SCALE.replace("<pitch>", "<rest/><pitch>"))
    with pytest.raises(ScoreError, match=str(tmp_path)):
        read_score(tmp_path / "a.musicxml")
