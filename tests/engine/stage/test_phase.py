"""The beat that follows: whatever the follower says, it grows, leaps only where it is told to, and stays near."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.events import Event, Onset, Position, State
from engine.stage.phase import JUMP, BeatLine, BeatPhase, PhaseChange, PhaseConfig, Turn
from tests.strategies import floats
from tests.tolerances import BEAT_S

RATE = 1000
HOP_S = 0.012
AHEAD_S = 0.08
DEVIATION = 0.1  # quarters


def position(at_s: float, quarter: float, bpm: float = 120.0) -> Position:
    at = round(at_s * RATE)
    return Position(at=at, emitted_at=at, quarter=quarter, bar=1, score_s=quarter / 2, tempo_bpm=bpm, confidence=1.0)


def state(name: str) -> State:
    return State(at=0, emitted_at=0, name=name, why="")


def changes_of(
    events: list[tuple[float, Event]], end_s: float, config: PhaseConfig | None = None
) -> tuple[BeatPhase, list[PhaseChange]]:
    """What the beat does; each event comes when it is emitted."""
    phase, changes = BeatPhase(config), []
    for at_s, event in events:
        changes += phase.advance(at_s + AHEAD_S)
        phase.take(event, RATE)
    return phase, changes + phase.advance(end_s)


times = st.lists(floats(0.0, 0.3), min_size=1, max_size=80)
events = st.lists(
    st.tuples(
        floats(0.0, 0.2),
        st.one_of(
            st.tuples(
                st.just("position"),
                floats(-1, 200),
                floats(10, 1000),
            ),
            st.tuples(st.just("onset"), floats(0, 200), floats(0, 20)),
            st.tuples(st.just("state"), st.sampled_from(["waiting", "following", "lost", "paused", "ended"])),
        ),
    ),
    max_size=60,
)


@settings(max_examples=40)
@given(steps=events, lost=st.sampled_from(["run", "stop"]), smoothing=floats(0.1, 16))
def test_it_never_goes_back_or_leaps_but_by_halting(steps: list, lost: str, smoothing: float) -> None:  # type: ignore[type-arg]
    at_s, given_events = 0.0, [(0.0, state("following"))]
    for gap, (kind, *values) in steps:
        at_s += gap
        if kind == "position":
            given_events.append((at_s, position(at_s, *values)))
        elif kind == "onset":
            due = Onset(at=0, emitted_at=0, quarter=values[0], due_s=values[1], sd_s=0.1, heard=values[1] < 3)
            given_events.append((at_s, due))
        else:
            given_events.append((at_s, state(values[0])))
    _, changes = changes_of(given_events, at_s + 1.0, PhaseConfig(beat_smoothing=smoothing, beat_when_lost=lost))
    line: BeatLine | None = None
    for turn, new in changes:
        if turn is Turn.BEGIN:
            assert line is None
            assert new.quarter >= 0
            assert new.quarter * 4 == round(new.quarter * 4)
        else:
            assert line is not None
            if new.at_s >= line.at_s:  # halted before it began, it has not been anywhere
                assert abs(new.quarter - line.place(new.at_s)) < 1e-6
        assert new.rate > 0
        line = None if turn is Turn.HALT else new


def steady(bpm: float, seconds: float, late_s: float = 0.09) -> list[tuple[float, Event]]:
    rows: list[tuple[float, Event]] = [(0.0, state("following"))]
    for at_s in np.arange(0.0, seconds, HOP_S):
        rows.append((at_s + late_s, position(at_s, at_s * bpm / 60, bpm)))
    return rows


@settings(max_examples=25)
@given(bpm=floats(30, 300))
def test_on_steady_music_it_is_the_music(bpm: float) -> None:
    phase, changes = changes_of(steady(bpm, 6.0), 6.0)
    assert phase.line is not None
    assert abs(phase.line.place(6.0) - 6.0 * bpm / 60) < BEAT_S * bpm / 60
    assert [change.turn for change in changes if change.turn is not Turn.STEER] == [Turn.BEGIN]


@pytest.mark.parametrize("smoothing", [0.5, 1.0, 2.0])
def test_a_deviation_is_made_up_for_in_the_time_that_is_asked_for(smoothing: float) -> None:
    phase = BeatPhase(PhaseConfig(beat_smoothing=smoothing))
    phase.take(state("following"), RATE)
    phase.take(position(0.0, 0.0, 60.0), RATE)
    phase.advance(0.02)
    assert phase.line is not None
    begun_s = phase.line.at_s
    phase.take(position(0.02, 0.02 + DEVIATION, 60.0), RATE)
    for passed_s in np.arange(0.0, smoothing, 0.02):
        phase.advance(begun_s + passed_s)
    left = phase.line.at_s + DEVIATION - phase.line.quarter
    assert left == pytest.approx(DEVIATION * np.exp(-1), rel=0.1)  # corrections come in steps of 20 ms


def test_a_held_note_is_waited_for_without_a_jump() -> None:
    rows = steady(120.0, 4.0)
    rows += [(at_s + 0.09, position(at_s, 8.0 - 0.03)) for at_s in np.arange(4.0, 5.5, HOP_S)]
    phase, changes = changes_of(rows, 5.5)
    assert Turn.HALT not in [change.turn for change in changes]
    assert phase.line is not None
    assert 7.5 < phase.line.place(5.5) < 8.0 + JUMP


def test_a_jump_halts_and_begins_on_a_sixteenth_of_the_new_place() -> None:
    rows = steady(120.0, 4.0)
    rows += [(at_s + 0.09, position(at_s, 40.1 + 2 * (at_s - 4.0))) for at_s in np.arange(4.0, 6.0, HOP_S)]
    phase, changes = changes_of(rows, 6.0)
    assert [change.turn for change in changes if change.turn is not Turn.STEER] == [Turn.BEGIN, Turn.HALT, Turn.BEGIN]
    assert phase.line is not None
    assert abs(phase.line.place(6.0) - 44.1) < 2 * BEAT_S


def test_it_waits_with_the_follower_and_goes_on_where_that_goes_on() -> None:
    rows = [*steady(120.0, 4.0), (4.1, state("paused"))]
    phase, changes = changes_of(rows, 6.0)
    assert phase.line is None
    assert changes[-1].turn is Turn.HALT
    phase.take(state("following"), RATE)
    phase.take(position(6.0, 8.0), RATE)
    assert [change.turn for change in phase.advance(6.02)] == [Turn.BEGIN]


def test_while_lost_it_runs_on_at_its_tempo_or_stands() -> None:
    rows = [*steady(120.0, 4.0), (4.1, state("lost")), (4.2, position(4.1, 90.0))]
    phase, _ = changes_of(rows, 8.0)
    assert phase.line is not None
    assert abs(phase.line.place(8.0) - 16.0) < 2 * BEAT_S
    phase, _ = changes_of(rows, 8.0, PhaseConfig(beat_when_lost="stop"))
    assert phase.line is None


def test_nothing_begins_before_the_first_note() -> None:
    rows: list[tuple[float, Event]] = [(0.0, state("waiting"))]
    rows += [(at_s, position(at_s, -0.015)) for at_s in np.arange(0.0, 2.0, HOP_S)]
    assert changes_of(rows, 3.0)[1] == []
