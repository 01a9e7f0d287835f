"""What takes have in common becomes the expected tempo; what they do not, and what is no tempo, does not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from engine.accompaniment.tempo_curve import RehearsedTake, TempoCurve, beat_grid, expected_score, take_at_beats
from engine.score.score import Score
from tests.engine.accompaniment.soloists import melody

N = 48
BEATS = np.arange(N, dtype=float)
RUBATO = 0.25 * np.sin(BEATS / 5)  # log tempo that all takes share
DIFFERENT = 0.12  # standard deviation of what is each take's own, log tempo


def take(
    seed: int, *, pace: float = 0.8, own: float = DIFFERENT, rubato: np.ndarray = RUBATO, score: Score | None = None
) -> RehearsedTake:
    rng = np.random.default_rng(seed)
    steps_s = pace * np.exp(rubato + own * rng.standard_normal(N))
    return take_at_beats(f"take {seed}", score or melody(N), BEATS, 3.0 + np.cumsum(steps_s) - steps_s[0])


def expected_steps(*takes: RehearsedTake, score: Score | None = None) -> np.ndarray:
    """Seconds between the beats that are expected after the takes."""
    score = score or melody(N)
    curve = TempoCurve(quarter=beat_grid(score), takes=takes)
    return np.diff(expected_score(score, curve).seconds(BEATS))


def error(steps_s: np.ndarray) -> float:
    """Spread of the expected against the shared rubato, log tempo."""
    return float(np.std(np.log(steps_s) - RUBATO[1:]))


def test_it_gets_better_with_each_take() -> None:
    def mean_error(n: int) -> float:
        return float(np.mean([error(expected_steps(*map(take, range(9 * k, 9 * k + n)))) for k in range(5)]))

    mean = [mean_error(n) for n in (1, 2, 4, 8)]
    assert mean == sorted(mean, reverse=True)
    assert mean[0] < 0.75 * np.std(RUBATO), "one take already tells"
    assert mean[-1] < 0.35 * np.std(RUBATO)


def test_takes_that_contradict_each_other_expect_a_steady_tempo() -> None:
    alike = expected_steps(take(0, own=0.0), take(1, own=0.0))
    opposed = expected_steps(take(0, own=0.0), take(1, own=0.0, rubato=-RUBATO), take(2, own=0.0, rubato=0 * RUBATO))
    assert np.log(opposed).std() < 0.2 * np.log(alike).std()


@pytest.mark.parametrize("pace", [0.3, 1.0, 2.5])
def test_the_tempo_is_that_of_the_takes(pace: float) -> None:
    steps_s = expected_steps(take(0, pace=pace), take(1, pace=pace))
    assert np.median(steps_s) == pytest.approx(pace, rel=0.15)


def _stop(at_s: np.ndarray) -> None:
    at_s[20:] += 6.0


def _replay(at_s: np.ndarray) -> None:
    at_s[20:] += at_s[20] - at_s[10]


def _late_start(at_s: np.ndarray) -> None:
    at_s[:12] = np.nan


@pytest.mark.parametrize("spoil", [_stop, _replay, _late_start])
def test_stops_replays_and_what_was_not_played_are_no_tempo(spoil: Callable[[np.ndarray], None]) -> None:
    steady = take(0, own=0.0, rubato=0 * RUBATO)
    spoilt = RehearsedTake("spoilt", steady.at_s.copy())
    spoil(spoilt.at_s)
    assert np.allclose(expected_steps(spoilt), expected_steps(steady), rtol=1e-6)


def test_a_held_fermata_is_no_tempo() -> None:
    score = melody(N, fermatas=[20])
    plain = take(0, own=0.0, rubato=0 * RUBATO, score=score)
    held = RehearsedTake("held", plain.at_s + np.where(beat_grid(score) > 20, 1.0, 0.0))
    assert np.allclose(expected_steps(held, score=score), expected_steps(plain, score=score), rtol=1e-6)


def test_without_takes_the_score_stays_as_it_is() -> None:
    score = melody(N)
    never = RehearsedTake("silence", np.full(N + 1, np.nan))
    for takes in ((), (never,)):
        assert expected_score(score, TempoCurve(quarter=beat_grid(score), takes=takes)) is score


def test_the_last_time_that_a_passage_was_played_counts() -> None:
    quarter = np.concatenate([BEATS[:20], BEATS[10:]])
    at_s = np.concatenate([0.5 * BEATS[:20], 10 + 1.0 * BEATS[10:]])
    found = take_at_beats("twice", melody(N), quarter, at_s)
    assert found.at_s[15] == pytest.approx(25.0)
    assert found.at_s[5] == pytest.approx(2.5)
