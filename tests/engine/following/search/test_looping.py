"""A loop has no end: from the last time that it is written out the follower goes back, and nobody notices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.core.events import Event, Onset, Position, State
from engine.following.search.looping import loop_events
from engine.score.score import Score, make_score
from offline.synthesis.demo_performance import PerformConfig
from tests.engine.following.play import RATE, events, sound

BAR, TIMES, PLAYED = 4, 6, 10  # quarters; how often it is written out, and played
KEYS = [60, 64, 67, 65, 62, 71, 69, 72]
STEADY = PerformConfig(arch=0.0, wander=0.0, slowing=0.0, spread_ms=0.0, lead_ms=0.0, start_s=0.5)
QUARTER_S, NEAR = 0.6, 0.3  # quarters by which a position may be off, the lag among it


def loop(times: int) -> Score:
    rows = [(t * BAR + i / 2, 0.5, key, 70) for t in range(times) for i, key in enumerate(KEYS)]
    return make_score("loop", rows, tempi=[(0.0, 60 / QUARTER_S)], bars=[(t * BAR, 1, 0) for t in range(times)])


@pytest.fixture(scope="module")
def found() -> list[Event]:
    """What the follower says of the loop, played more often than it is written out."""
    audio, _ = sound(loop(PLAYED), STEADY)
    return events(audio, replace(loop(TIMES), loop=(float(BAR), TIMES)))


def test_it_goes_back_from_the_last_time_by_half() -> None:
    score = replace(loop(TIMES), loop=(float(BAR), TIMES))
    assert score.wrap == (20.0, 12.0)
    assert loop_events(score.onset_quarter, score.wrap) == (41, 24)
    assert loop(TIMES).wrap == (np.inf, 0.0) and replace(loop(2), loop=(float(BAR), 2)).wrap == (np.inf, 0.0)


def test_the_place_within_the_loop_is_right_for_ever(found: list[Event]) -> None:
    at, quarter = np.array([(e.at / RATE, e.quarter) for e in found if isinstance(e, Position)]).T
    playing = (at > 1.0) & (at < 0.5 + (PLAYED * BAR - 1) * QUARTER_S)
    off = (quarter - (at - 0.5) / QUARTER_S + BAR / 2)[playing] % BAR - BAR / 2
    assert np.abs(off).max() < NEAR
    assert quarter[playing].max() < TIMES * BAR and (np.diff(quarter) < -BAR).sum() == 2


def test_no_jump_is_told_and_every_onset_is_heard_once(found: list[Event]) -> None:
    states = [e for e in found if isinstance(e, State) and not e.why.startswith("sounds")]
    assert [state.name for state in states[:2]] == ["waiting", "following"]
    assert not [state for state in states if state.why.startswith("a jump")]
    heard = [e.quarter % BAR for e in found if isinstance(e, Onset) and e.heard]
    assert heard == [i / 2 for _ in range(PLAYED) for i in range(2 * BAR)]
