"""Statistics of ratings (rater, piece), nan where there is none: intervals, differences, agreement."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Estimate", "Resampling", "agreement", "both_ways_p", "holm"]

N_FLIPS, ALL_FLIPS = 5_000, 12  # draws of a permutation test; as many differences or fewer are all tried
TINY = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value and the ends of its confidence interval; the ends are nan where nothing can be resampled."""

    value: float
    low: float
    high: float


class Resampling:
    """Bootstrap draws of raters, and of pieces within each system, both with replacement.

    What holds for other listeners and other pieces of the same systems must vary with both (Owen, "The pigeonhole
    bootstrap", 2007, which errs to the wide side).
    """

    def __init__(self, ratings: np.ndarray, systems: np.ndarray, *, draws: int = 4000, seed: int = 0) -> None:
        """Draw once for all estimates; systems: (piece,) of numbers."""
        rng = np.random.default_rng((seed, 0xB007))
        self.ratings, self.systems = ratings, systems
        n_raters, n_pieces = ratings.shape
        raters = rng.multinomial(n_raters, np.full(n_raters, 1 / n_raters), draws).astype(float)
        pieces = np.zeros((draws, n_pieces))
        for system in np.unique(systems):
            own = np.flatnonzero(systems == system)
            pieces[:, own] = rng.multinomial(len(own), np.full(len(own), 1 / len(own)), draws)
        given = ~np.isnan(ratings)
        filled = np.where(given, ratings, 0.0)
        self._sums, self._counts = (raters @ filled) * pieces, (raters @ given) * pieces

    def means(self, system: int) -> np.ndarray:
        """Return the mean of a system in each draw, nan in a draw without any of its ratings."""
        own = self.systems == system
        counts = self._counts[:, own].sum(axis=1)
        sums: np.ndarray = self._sums[:, own].sum(axis=1)
        return np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0)

    def mean(self, system: int, confidence: float) -> Estimate:
        """Return the mean rating of a system."""
        return _interval(_mean(self.ratings[:, self.systems == system]), self.means(system), confidence)

    def difference(self, one: int, other: int, confidence: float) -> Estimate:
        """Return by how much the first system is rated above the second, in draws of the same raters."""
        value = _mean(self.ratings[:, self.systems == one]) - _mean(self.ratings[:, self.systems == other])
        return _interval(value, self.means(one) - self.means(other), confidence)


def _mean(values: np.ndarray) -> float:
    given = values[~np.isnan(values)]
    return float(given.mean()) if len(given) else float("nan")


def _interval(value: float, draws: np.ndarray, confidence: float) -> Estimate:
    """Return the percentile interval; none where all draws are alike, as of one rater and one piece."""
    draws = draws[~np.isnan(draws)]
    if np.isnan(value) or not len(draws) or float(np.ptp(draws)) < TINY:
        return Estimate(value=value, low=float("nan"), high=float("nan"))
    tail = (1 - confidence) / 2
    low, high = np.quantile(draws, (tail, 1 - tail))
    return Estimate(value=value, low=float(low), high=float(high))


def both_ways_p(ratings: np.ndarray, one: np.ndarray, other: np.ndarray, *, seed: int = 0) -> float:
    """Return p of no difference between two sets of pieces (piece,) bool: the larger of that by raters and by pieces.

    By raters, signs of each rater's difference of means are flipped; by pieces, pieces change systems. A difference
    that a few raters or a few pieces make is not one of the systems (Clark, "The language-as-fixed-effect fallacy",
    1973). nan where one of the two cannot be tested.
    """
    rng = np.random.default_rng((seed, 0xF11B))
    with np.errstate(invalid="ignore"):
        each = _row_means(ratings[:, one]) - _row_means(ratings[:, other])
    pieces = _row_means(ratings.T)
    return max(_flipped(each[~np.isnan(each)], rng), _exchanged(pieces[one], pieces[other], rng), key=_nan_first)


def _nan_first(p: float) -> float:
    return np.inf if np.isnan(p) else p


def _row_means(ratings: np.ndarray) -> np.ndarray:
    given = ~np.isnan(ratings)
    counts = given.sum(axis=1)
    sums: np.ndarray = np.where(given, ratings, 0.0).sum(axis=1)
    return np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0)


def _flipped(differences: np.ndarray, rng: np.random.Generator) -> float:
    """Return the two-sided p of a mean of 0 when every sign is as likely as its opposite."""
    n = len(differences)
    if n < 2:
        return float("nan")
    if n <= ALL_FLIPS:
        signs = 1 - 2 * ((np.arange(1 << n)[:, None] >> np.arange(n)) & 1)
    else:
        signs = np.vstack([np.ones(n), rng.choice((-1, 1), (N_FLIPS, n))])
    means = np.abs(signs @ differences)
    return float((means >= means[0] - TINY).mean())


def _exchanged(one: np.ndarray, other: np.ndarray, rng: np.random.Generator) -> float:
    """Return the two-sided p of equal means when every division of all values is as likely."""
    one, other = one[~np.isnan(one)], other[~np.isnan(other)]
    if min(len(one), len(other)) < 2:
        return float("nan")
    together, n = np.concatenate([one, other]), len(one)
    orders = np.argsort(rng.random((N_FLIPS, len(together))), axis=1)
    orders = np.vstack([np.arange(len(together)), orders])
    sums = together[orders[:, :n]].sum(axis=1)
    gaps = np.abs(sums / n - (together.sum() - sums) / len(other))
    return float((gaps >= gaps[0] - TINY).mean())


def holm(values: list[float]) -> list[float]:
    """Return p corrected for their number (Holm 1979); nan stays, and does not count."""
    order = sorted((p, i) for i, p in enumerate(values) if not np.isnan(p))
    out, worst = [float("nan")] * len(values), 0.0
    for rank, (p, i) in enumerate(order):
        worst = max(worst, min(1.0, (len(order) - rank) * p))
        out[i] = worst
    return out


def agreement(ratings: np.ndarray, *, draws: int = 1000, confidence: float = 0.95, seed: int = 0) -> Estimate:
    """Return Krippendorff's alpha of interval data (2011): 1 full agreement, 0 chance; its interval by other pieces."""
    rng = np.random.default_rng((seed, 0xA19A))
    pieces = ratings[:, (~np.isnan(ratings)).sum(axis=0) >= 2]
    n = pieces.shape[1]
    if n < 2:
        return Estimate(value=float("nan"), low=float("nan"), high=float("nan"))
    found = np.array([_alpha(pieces[:, rng.integers(n, size=n)]) for _ in range(draws)])
    return _interval(_alpha(pieces), found, confidence)


def _alpha(pieces: np.ndarray) -> float:
    """Return 1 - observed / expected disagreement, squared differences of all pairs (Krippendorff 2011)."""
    given = ~np.isnan(pieces)
    counts, filled = given.sum(axis=0), np.where(given, pieces, 0.0)
    # Of n values the squared differences of all ordered pairs sum to 2 n sum(x^2) - 2 sum(x)^2.
    within = 2 * counts * (filled**2).sum(axis=0) - 2 * filled.sum(axis=0) ** 2
    n = counts.sum()
    observed = float((within / (counts - 1)).sum() / n)
    expected = float((2 * n * (filled**2).sum() - 2 * filled.sum() ** 2) / (n * (n - 1)))
    return 1 - observed / expected if expected > TINY else float("nan")
