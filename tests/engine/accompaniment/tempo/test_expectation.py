"""A rehearsed tempo counts as far as it foretells the present take, and never against it."""

from __future__ import annotations

import numpy as np
import pytest

from engine.accompaniment.config import SchedulerConfig
from engine.accompaniment.scheduler import Scheduler
from engine.accompaniment.tempo.expectation import Expectation
from engine.score.score import Score
from tests.engine.accompaniment.soloists import melody, told

N = 60
QUARTERS = np.arange(N + 1, dtype=float)
EIGHTHS = np.arange(0, N, 0.5)
RUBATO = 0.3 * np.sin(QUARTERS[:-1] / 3)  # log tempo
WORSE_S = 0.005  # rounding to the steps in which is decided, seconds


def played_at(rubato: np.ndarray, pace: float = 0.6) -> np.ndarray:
    """Seconds of each quarter of a soloist of this log tempo."""
    return 1.0 + np.concatenate([[0.0], np.cumsum(pace * np.exp(rubato))])


def rehearsed(rubato: np.ndarray, pace: float = 0.9) -> Score:
    return melody(N).retimed(QUARTERS, played_at(rubato, pace) - 1.0)


def mean_error(soloist: np.ndarray, expected: Score | None) -> float:
    """How far the eighths between the quarters are from the middle, seconds."""
    scheduler, at_s = Scheduler(melody(N), EIGHTHS, SchedulerConfig(), expected=expected), played_at(soloist)
    off = []
    for now_s, event in told(list(enumerate(at_s[:-2].tolist()))):
        scheduler.take(event)
        rows = ((EIGHTHS[index], played_s) for index, played_s in scheduler.commit(now_s))
        off += [abs(played_s - np.interp(q, QUARTERS, at_s)) for q, played_s in rows if 10 < q < N - 2 and q % 1]
    return float(np.mean(off))


def test_rubato_that_was_rehearsed_is_expected() -> None:
    assert mean_error(RUBATO, rehearsed(RUBATO)) < 0.8 * mean_error(RUBATO, None)


@pytest.mark.parametrize(
    "rubato", [-RUBATO, 0.3 * np.random.default_rng(1).standard_normal(N)], ids=["contrary", "another's"]
)
def test_rubato_of_a_stranger_does_no_harm(rubato: np.ndarray) -> None:
    assert mean_error(RUBATO, rehearsed(rubato)) < mean_error(RUBATO, None) + WORSE_S


def test_a_steady_soloist_is_not_bent() -> None:
    steady = 0 * RUBATO
    assert mean_error(steady, rehearsed(RUBATO)) < mean_error(steady, None) + WORSE_S


def test_it_begins_without_weight_and_forgets() -> None:
    expectation = Expectation(melody(N), rehearsed(RUBATO))
    assert expectation.ratio(0.0, 1.0) == 1.0
    at_s, pace = played_at(RUBATO), 0.6
    for i in range(N - 1):
        step_s = float(at_s[i + 1] - at_s[i])
        after = pace * (step_s / pace) ** 0.4
        expectation.take(float(i), i + 1.0, step_s, (pace, after))
        pace = after
    assert 0.5 < expectation.weight <= 1
    assert expectation.ratio(9.0, 10.0) != 1.0
    expectation.reset()
    assert expectation.weight == 0 and expectation.ratio(9.0, 10.0) == 1.0


def test_a_stop_says_nothing() -> None:
    expectation = Expectation(melody(N), rehearsed(RUBATO))
    for i in range(3):
        expectation.take(float(i), i + 1.0, 9.0, (0.6, 0.6))
    assert expectation.weight == 0


def test_without_rehearsals_nothing_is_expected() -> None:
    expectation = Expectation(melody(N), None)
    expectation.take(0.0, 1.0, 0.6, (1.0, 0.6))
    assert expectation.ratio(3.0, 9.0) == 1.0
