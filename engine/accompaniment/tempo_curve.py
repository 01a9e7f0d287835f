"""The tempo to expect after rehearsals: when each beat sounded in earlier takes, and the score at their common tempo.

Takes share a part of their rubato, and differ in the rest as much as players do from one day to the next. What is
expected is the mean of their tempi, smoothed over beats, and drawn towards a steady tempo by the share that they do not
have in common (the shrinkage of a mean by its reliability, as in James and Stein, 1961): with each take that agrees the
curve grows more pronounced, and takes that contradict each other flatten it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.score.score import Score

__all__ = ["RehearsedTake", "TempoCurve", "beat_grid", "expected_score", "take_at_beats"]

Floats = npt.NDArray[np.float64]

SMOOTH_BEATS = 2.0  # standard deviation of the smoothing
OUTLIER = 1.2  # a beat longer or shorter than the take's own tempo by this factor (natural logarithm) is no tempo
ALIKE = 0.7  # share of the variance of one take's rubato that the next is expected to have too
PRIOR_TAKES = 1.0  # takes that this expectation counts for
SAME_QUARTER = 1e-3


class RehearsedTake(NamedTuple):
    """When the beats of a score sounded in a take.

    at_s: (beat) seconds; NaN where a beat was not played
    """

    name: str
    at_s: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TempoCurve:
    """Earlier takes of a score.

    quarter: (beat) every quarter from the first to the end of the score
    """

    quarter: Floats
    takes: tuple[RehearsedTake, ...]


def beat_grid(score: Score) -> Floats:
    """Return every quarter of a score, from 0 to the end of its last note."""
    return np.arange(int(np.ceil(score.end_quarter - SAME_QUARTER)) + 1, dtype=float)


def take_at_beats(name: str, score: Score, quarter: Floats, audio_s: Floats) -> RehearsedTake:
    """Return a take at the beats of a score.

    quarter, audio_s: its onsets in order of time, NaN where not played; of what was played again the last counts
    """
    last = dict(zip(quarter.tolist(), audio_s.tolist(), strict=True))
    rows = np.array(sorted((place, at_s) for place, at_s in last.items() if np.isfinite(at_s))).reshape(-1, 2)
    grid = beat_grid(score)
    if not len(rows):
        return RehearsedTake(name, np.full(len(grid), np.nan))
    beats_s, rows_s = score.seconds(grid), score.seconds(rows[:, 0])
    return RehearsedTake(name, np.interp(beats_s, rows_s, rows[:, 1], left=np.nan, right=np.nan))


def expected_score(score: Score, curve: TempoCurve) -> Score:
    """Return the score with the tempo that is expected after the takes of a curve; as it is where there are none."""
    base_s = np.diff(score.seconds(curve.quarter))
    logs = _log_tempi(score, curve, base_s)
    if not len(base_s) or not np.isfinite(logs).any():
        return score
    levels = np.array([np.nanmedian(row) for row in logs if np.isfinite(row).any()])
    steps_s = base_s * np.exp(np.median(levels) + _common_rubato(logs))
    return score.retimed(curve.quarter, np.concatenate([[0.0], np.cumsum(steps_s)]))


def _log_tempi(score: Score, curve: TempoCurve, base_s: Floats) -> Floats:
    """Return (take, step) log of played seconds a second of score between two beats; NaN where it does not count."""
    logs = np.full((len(curve.takes), len(base_s)), np.nan)
    held = np.searchsorted(curve.quarter, score.fermata_quarter + SAME_QUARTER) - 1
    for row, take in zip(logs, curve.takes, strict=True):
        played_s = np.diff(take.at_s)
        known = np.isfinite(played_s) & (np.nan_to_num(played_s) > 0)
        row[known] = np.log(played_s[known] / base_s[known])
        row[held[(held >= 0) & (held < len(row))]] = np.nan
        with np.errstate(invalid="ignore"):
            row[np.abs(row - np.median(row[np.isfinite(row)] if np.isfinite(row).any() else 0.0)) > OUTLIER] = np.nan
    return logs


def _common_rubato(logs: Floats) -> Floats:
    """Return (step) the deviation from each take's own tempo that the takes have in common."""
    smooth = [_smoothed(row - np.nanmedian(row)) for row in logs if np.isfinite(row).any()]
    rubato = np.array([row for row, _ in smooth])
    weight = np.array([row for _, row in smooth])
    mean = (rubato * weight).sum(axis=0) / np.maximum(weight.sum(axis=0), 1e-9)
    return mean * _reliability(rubato, mean)


def _smoothed(row: Floats) -> tuple[Floats, Floats]:
    """Return a row smoothed over what is known of it, and 1 where enough is known, else 0."""
    reach = round(4 * SMOOTH_BEATS)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / SMOOTH_BEATS) ** 2)
    known = np.isfinite(row).astype(float)
    total = np.convolve(np.nan_to_num(row), kernel)[reach:-reach]
    count = np.convolve(known, kernel)[reach:-reach]
    enough = count > kernel.max() / 2
    return np.where(enough, total / np.maximum(count, 1e-9), 0.0), enough.astype(float)


def _reliability(rubato: Floats, mean: Floats) -> float:
    """Return the share of the variance of a mean that the takes have in common, 0 to 1."""
    n, total = len(rubato), float(np.mean(mean**2))
    expected = total * (1 - ALIKE) / (ALIKE + (1 - ALIKE) / n)
    between = float(rubato.var(axis=0, ddof=1).mean()) if n > 1 else 0.0
    noise = (PRIOR_TAKES * expected + (n - 1) * between) / (PRIOR_TAKES + n - 1)
    return max(1 - noise / n / total, 0.0) if total > 0 else 0.0
