"""Intervals, differences and agreement of simulated listeners whose opinions are known."""

from __future__ import annotations

import numpy as np
import pytest

from offline.evaluation.study.statistics import Resampling, agreement, both_ways_p, holm

SYSTEMS = np.repeat([0, 1, 2], 6)
TRIALS = 120
COVERED = 0.88  # of intervals of 95 %: three deviations of 120 trials below


def simulated(rng: np.random.Generator, effect: float, *, raters: int = 12, bias: float = 0.8) -> np.ndarray:
    """Ratings (rater, piece): systems 1 and 2 are rated `effect` above and below 0; raters and pieces differ."""
    truth = np.choose(SYSTEMS, [4.0, 4.0 + effect, 4.0 - effect])
    taste = rng.normal(0, bias, (raters, 1))
    quality = rng.normal(0, 0.4, len(SYSTEMS))
    return truth + taste + quality + rng.normal(0, 0.7, (raters, len(SYSTEMS)))


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(5)
    covered = np.zeros(2)
    for trial in range(TRIALS):
        drawn = Resampling(simulated(rng, 0.5), SYSTEMS, draws=400, seed=trial)
        mean, gap = drawn.mean(1, 0.95), drawn.difference(1, 0, 0.95)
        covered += [mean.low <= 4.5 <= mean.high, gap.low <= 0.5 <= gap.high]
    assert (covered / TRIALS >= COVERED).all()


def test_the_same_raters_make_differences_narrower_than_means() -> None:
    drawn = Resampling(simulated(np.random.default_rng(1), 1.0, bias=2.0), SYSTEMS)
    mean, gap = drawn.mean(1, 0.95), drawn.difference(1, 0, 0.95)
    assert gap.high - gap.low < mean.high - mean.low


def test_a_known_effect_is_found_and_none_is_not() -> None:
    rng = np.random.default_rng(2)
    one, other = SYSTEMS == 1, SYSTEMS == 0
    assert both_ways_p(simulated(rng, 2.0), one, other) < 0.01
    false = [both_ways_p(simulated(rng, 0.0), one, other) < 0.05 for _ in range(40)]
    assert sum(false) <= 5  # of 40; 2 are expected at most, 6 come in one of 70 such tests


def test_what_one_piece_makes_is_no_difference_of_systems() -> None:
    """One masterpiece among dull ones convinces every rater, but says nothing of the system."""
    ratings = np.full((20, len(SYSTEMS)), 3.0) + np.random.default_rng(3).normal(0, 0.1, (20, len(SYSTEMS)))
    ratings[:, 6] = 7.0
    assert both_ways_p(ratings, SYSTEMS == 1, SYSTEMS == 0) > 0.05


def test_missing_ratings_are_left_out() -> None:
    rng = np.random.default_rng(4)
    ratings = simulated(rng, 1.0)
    holes = np.where(rng.random(ratings.shape) < 0.2, np.nan, ratings)
    whole, part = (Resampling(x, SYSTEMS).mean(2, 0.95) for x in (ratings, holes))
    assert part.value == pytest.approx(whole.value, abs=0.3) and part.low < part.value < part.high
    assert np.isfinite(agreement(holes).value)


def test_one_rater_gives_intervals_by_pieces_and_neither_p_nor_agreement() -> None:
    ratings = simulated(np.random.default_rng(6), 1.0, raters=1)
    drawn = Resampling(ratings, SYSTEMS)
    assert drawn.mean(0, 0.95).low < drawn.mean(0, 0.95).high
    assert np.isnan(both_ways_p(ratings, SYSTEMS == 1, SYSTEMS == 0)) and np.isnan(agreement(ratings).value)


def test_agreement_is_one_of_equal_raters_and_none_of_chance() -> None:
    rng = np.random.default_rng(7)
    same = np.tile(rng.integers(1, 8, 30), (5, 1)).astype(float)
    assert agreement(same).value == pytest.approx(1)
    chance = agreement(rng.integers(1, 8, (5, 60)).astype(float))
    assert abs(chance.value) < 0.15 and chance.low < 0 < chance.high


def test_alpha_is_that_of_krippendorff() -> None:
    """The worked example of "Computing Krippendorff's alpha-reliability" (2011), part C, interval data: .849."""
    no = np.nan
    ratings = np.array(
        [
            [1, 2, 3, 3, 2, 1, 4, 1, 2, no, no, no],
            [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, no, 3],
            [no, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, no],
            [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, no],
        ]
    )
    assert agreement(ratings, draws=50).value == pytest.approx(0.849, abs=0.001)


def test_holm() -> None:
    assert holm([0.01, float("nan"), 0.04, 0.03])[::2] == pytest.approx([0.03, 0.06])
    assert np.isnan(holm([float("nan")])[0])
