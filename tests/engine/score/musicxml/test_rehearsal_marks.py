"""Rehearsal marks and beats of the bars, in the order of play."""

from __future__ import annotations

from pathlib import Path

from tests.engine.score.musicxml.writing import FORWARD, backward, musicxml, note, read_text


def mark(text: str) -> str:
    return f"<direction><direction-type><rehearsal>{text}</rehearsal></direction-type></direction>"


def test_a_mark_stands_each_time_that_its_place_is_played_and_once_for_all_parts(tmp_path: Path) -> None:
    upper = [note("C4"), FORWARD + mark("A") + note("D4"), note("E4", 2) + mark(" B\n1 ") + note("F4", 2) + backward()]
    lower = [note("C3"), mark("A") + note("D3"), note("E3")]
    score = read_text(tmp_path, musicxml(upper, lower), parts=("all",))
    assert score.marks == ((4.0, "A"), (10.0, "B 1"), (12.0, "A"), (18.0, "B 1"))


def test_a_mark_at_the_end_of_a_bar_is_that_of_the_next(tmp_path: Path) -> None:
    score = read_text(tmp_path, musicxml([note("C4") + mark("A"), note("D4") + mark("B")]))
    assert score.marks == ((4.0, "A"),), "behind the last bar is nothing"


def test_bars_have_the_beats_of_their_metre(tmp_path: Path) -> None:
    six = "<attributes><time><beats>6</beats><beat-type>8</beat-type></time></attributes>"
    score = read_text(tmp_path, musicxml([note("C4"), six + note("D4", 3)]))
    assert score.bar_beat.tolist() == [1.0, 1.5]
