"""The accompaniments that others are compared with, on positions made of numbers."""

from __future__ import annotations

import numpy as np
import pytest

from engine.core.events import Onset, Position
from offline.evaluation.accompaniment_baselines import COMMIT_S, FollowerLog, carried_on, score_tempo
from tests.engine.accompaniment.soloists import melody

RATE = 1000
DELAY_S = 0.05  # from a position until it is known
QUARTERS = np.arange(0, 12, 0.5)


def log_of(places: list[tuple[float, float]], *, bpm: float) -> FollowerLog:
    """The log of a follower that reports positions (second, quarter), the first as an onset."""
    log = FollowerLog(RATE)
    for at_s, quarter in places:
        at, now = round(at_s * RATE), round((at_s + DELAY_S) * RATE)
        if log.first is None:
            log.on_event(Onset(at=at, emitted_at=now, quarter=quarter, due_s=at_s, sd_s=0.02, heard=True))
        position = Position(at=at, emitted_at=now, quarter=quarter, bar=1, score_s=quarter, tempo_bpm=bpm, confidence=1)
        log.on_event(position)
    return log


def steady(begin_s: float, quarter: float, n: int) -> list[tuple[float, float]]:
    """Positions each hundredth of a second, two quarters a second."""
    return [(begin_s + 0.01 * k, quarter + 0.02 * k) for k in range(n)]


def test_the_position_is_carried_on() -> None:
    played = carried_on(log_of(steady(1.0, 0.0, 550), bpm=120), QUARTERS)
    assert [quarter for quarter, _ in played] == QUARTERS.tolist()
    assert played[0][1] == pytest.approx(1.0 + DELAY_S + COMMIT_S), "it is known only then"
    assert [at_s for _, at_s in played[1:]] == pytest.approx([1.0 + q / 2 for q in QUARTERS[1:]], abs=0.002)


def test_it_goes_back_with_the_position() -> None:
    played = carried_on(log_of([*steady(1.0, 0.0, 300), *steady(4.0, 2.0, 200)], bpm=120), QUARTERS)
    again = [at_s for quarter, at_s in played if quarter == 3.0]
    assert again == pytest.approx([2.5, 4.5], abs=0.002)


def test_the_score_s_tempo_follows_nothing() -> None:
    log = log_of([*steady(2.0, 1.0, 100), *steady(9.0, 1.0, 100)], bpm=30)
    played = score_tempo(log, melody(12, bpm=60), QUARTERS)
    assert [at_s for _, at_s in played] == pytest.approx((1.0 + QUARTERS).tolist())


def test_who_hears_nothing_plays_nothing() -> None:
    log = FollowerLog(RATE)
    assert carried_on(log, QUARTERS) == score_tempo(log, melody(12), QUARTERS) == []
