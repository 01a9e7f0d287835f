"""Programs change at the marks of the score, once, and after a jump there is that of the place."""

from __future__ import annotations

import pytest

from engine.core.errors import EngineError
from engine.score.score import make_score
from engine.stage.clocks.programs import ProgramTrack, programs_of_marks
from engine.stage.phase import BeatLine

RATE = 2.0  # quarters a second
NOTES = [(quarter, 1, 60, 80) for quarter in range(32)]
AHEAD_S = 0.06


def track(*marks: tuple[float, str]) -> ProgramTrack:
    return ProgramTrack(programs_of_marks(make_score("marked", NOTES, marks=marks), 3))


def played(track: ProgramTrack, line: BeatLine, begin_s: float, end_s: float) -> list[tuple[float, int]]:
    """What is told while the beat goes on by steps of 20 ms."""
    steps = range(round(begin_s / 0.02), round(end_s / 0.02))
    return [found for step in steps if (found := track.take(line, step * 0.02 + AHEAD_S)) is not None]


def test_a_program_begins_at_each_new_mark_at_its_moment() -> None:
    marked = track((8.0, "A"), (16.0, "B"), (24.0, "A"))
    assert played(marked, BeatLine(1.0, 0.0, RATE), 1.0, 17.0) == [(1.0, 0), (5.0, 1), (9.0, 2), (13.0, 1)]


def test_a_piece_that_begins_with_a_mark_begins_with_its_program() -> None:
    assert played(track((0.0, "A"), (8.0, "B")), BeatLine(0.0, 0.0, RATE), 0.0, 6.0) == [(0.0, 0), (4.0, 1)]


def test_after_a_jump_there_is_the_program_of_the_place_at_once() -> None:
    marked = track((8.0, "A"), (16.0, "B"))
    played(marked, BeatLine(0.0, 0.0, RATE), 0.0, 1.0)
    assert marked.take(None, 1.2) is None  # the beat stands
    assert played(marked, BeatLine(1.5, 20.0, RATE), 1.5, 3.0) == [(1.5, 2)]
    assert played(marked, BeatLine(3.5, 2.0, RATE), 3.5, 4.0) == [(3.5, 0)]
    marked.forget()  # another receiver knows nothing
    assert played(marked, BeatLine(3.5, 2.0, RATE), 4.0, 5.0) == [(3.5, 0)]


def test_a_score_without_marks_is_refused() -> None:
    with pytest.raises(EngineError, match="rehearsal marks"):
        track()
    assert programs_of_marks(make_score("marked", NOTES, marks=[(4.0, "A")]), 3).message(1) == bytes((0xC3, 1))
