"""Accuracy of an accompaniment: its onsets against those of a human who played both parts.

Onsets count from the first of the solo on, but for those within SETTLE_S after a break of the solo (a jump, or a stop);
what is missing counts as wrong in the shares, and not in the median and the 90th percentile.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.core.errors import ScoreError

__all__ = [
    "WITHIN_MS",
    "AccompanimentAccuracy",
    "DuoTruth",
    "evaluate_accompaniment",
    "mean_accompaniment",
    "read_duo_truth",
]

Floats = npt.NDArray[np.float64]

WITHIN_MS = (30, 50, 100)
SETTLE_S = 2.0  # after a break of the solo
WINDOW_S = 1.5  # an onset that is further off is missing
SAME_QUARTER = 0.02
CHORD_S = 0.12  # onsets of the same quarter that are closer than this are one
BEFORE_S = 0.15  # an onset so long before the first of the solo counts
JUMP_QUARTERS, JUMP_PACE = 3.0, 0.35  # a leap: more quarters than this, in less time than this share of the pace
STOP_S, STOP_PACE = 3.5, 4.5  # a stop: a gap longer than this, and than so many times the pace
NEAR_GAPS, LONGEST_GAP, DEFAULT_PACE = 10, 3.0, 0.5  # gaps around one that make the pace; quarters; seconds a quarter
IN_A_ROW, RECOVERED_S = 3, 0.1  # recovered: so many onsets in a row within this


class DuoTruth(NamedTuple):
    """When a human played the onsets of both parts, sorted by time.

    solo, accompaniment: rows of (quarter, audio_s)
    """

    solo: Floats
    accompaniment: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class AccompanimentAccuracy:
    """Errors of the onsets of an accompaniment.

    within: percent of onsets within each of WITHIN_MS of the human's own; a missing one is not
    median_s, p90_s: of the absolute errors of onsets that were played; NaN if there is none
    behind_s: median of played minus human
    missing: percent never played within WINDOW_S
    extra: onsets played that the human did not play
    with_solo: percent of the onsets on one of the solo that were played within 50 ms of it
    recovery_s: after each break, seconds until IN_A_ROW onsets were right; inf for never
    n: onsets
    """

    within: tuple[float, ...]
    median_s: float
    p90_s: float
    behind_s: float
    missing: float
    extra: float
    with_solo: float
    recovery_s: tuple[float, ...]
    n: int


def read_duo_truth(path: Path) -> DuoTruth:
    """Read a CSV with the columns quarter, audio_s and part (solo or accompaniment)."""
    parts: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                parts[row["part"].strip() == "solo"].append((float(row["quarter"]), float(row["audio_s"])))
    except (KeyError, AttributeError, TypeError, ValueError) as error:
        raise ScoreError(str(path), expected="CSV with columns quarter,audio_s,part", got=str(error)) from error
    solo, other = (_by_time(parts[which]) for which in (True, False))
    if not len(solo) or not len(other):
        raise ScoreError(str(path), expected="onsets of solo and accompaniment", got="none of one of them")
    return DuoTruth(solo, other)


def _by_time(rows: Sequence[tuple[float, float]]) -> Floats:
    table = np.array(rows, dtype=float).reshape(-1, 2)
    return table[np.argsort(table[:, 1], kind="stable")]


def evaluate_accompaniment(truth: DuoTruth, played: Sequence[tuple[float, float]]) -> AccompanimentAccuracy:
    """Compare the onsets played, rows of (quarter, audio_s), with a human's."""
    own, rows = truth.accompaniment, _chords(_by_time(played))
    met = _matched(own, rows)
    error = np.where(met >= 0, rows[met, 1] - own[:, 1] if len(rows) else np.nan, np.nan)
    breaks = _breaks(truth.solo)
    first_s = truth.solo[0, 1] - BEFORE_S
    counts = (own[:, 1] >= first_s) & ~_settling(own[:, 1], breaks)
    extra = np.setdiff1d(np.arange(len(rows)), met)
    extra = extra[(rows[extra, 1] >= first_s) & ~_settling(rows[extra, 1], breaks)]
    size = np.abs(error[counts])
    found = size[np.isfinite(size)]
    return AccompanimentAccuracy(
        within=tuple(float(100 * np.mean(size <= ms / 1000)) for ms in WITHIN_MS),
        median_s=float(np.median(found)) if len(found) else np.nan,
        p90_s=float(np.percentile(found, 90)) if len(found) else np.nan,
        behind_s=float(np.nanmedian(error[counts])) if len(found) else np.nan,
        missing=float(100 * (1 - len(found) / max(len(size), 1))),
        extra=len(extra),
        with_solo=_with_solo(truth, own[counts], own[counts, 1] + error[counts]),
        recovery_s=tuple(_recovery(own, error, end) for _, end in breaks),
        n=len(size),
    )


def _chords(rows: Floats) -> Floats:
    """Keep one row of each chord."""
    last: dict[float, float] = {}
    kept = []
    for quarter, at_s in rows:
        key = round(quarter, 2)
        if at_s - last.get(key, -np.inf) >= CHORD_S:
            last[key] = at_s
            kept.append((quarter, at_s))
    return np.array(kept).reshape(-1, 2)


def _matched(own: Floats, rows: Floats) -> npt.NDArray[np.int64]:
    """Return for each own onset the played row of the same quarter that is nearest in time, one to one; -1 for none."""
    gap = np.abs(rows[None, :, 1] - own[:, None, 1])
    fits = (np.abs(rows[None, :, 0] - own[:, None, 0]) < SAME_QUARTER) & (gap <= WINDOW_S)
    met = np.full(len(own), -1)
    for i, j in sorted(np.argwhere(fits).tolist(), key=lambda pair: gap[pair[0], pair[1]]):
        if met[i] < 0 and j not in met:
            met[i] = j
    return met


def _breaks(solo: Floats) -> list[tuple[float, float]]:
    """Return (last onset before, first after) of each jump and stop of the solo, seconds."""
    quarters, gaps = np.diff(solo[:, 0]), np.diff(solo[:, 1])
    found = []
    for i in range(len(gaps)):
        pace = quarters[i] * _pace_around(quarters, gaps, i)
        leaps = quarters[i] < -1e-3 or (quarters[i] > JUMP_QUARTERS and gaps[i] < JUMP_PACE * pace)
        if leaps or (gaps[i] > STOP_S and gaps[i] > STOP_PACE * pace):
            found.append((float(solo[i, 1]), float(solo[i + 1, 1])))
    return found


def _pace_around(quarters: Floats, gaps: Floats, i: int) -> float:
    near = [j for j in range(max(0, i - NEAR_GAPS), min(len(gaps), i + NEAR_GAPS + 1)) if j != i]
    paces = [gaps[j] / quarters[j] for j in near if 0 < quarters[j] < LONGEST_GAP and gaps[j] > 0]
    return float(np.median(paces)) if paces else DEFAULT_PACE


def _settling(at_s: Floats, breaks: Sequence[tuple[float, float]]) -> npt.NDArray[np.bool_]:
    inside = np.zeros(len(at_s), dtype=bool)
    for before, after in breaks:
        inside |= (at_s > before + SAME_QUARTER) & (at_s < after + SETTLE_S)
    return inside


def _with_solo(truth: DuoTruth, own: Floats, played_s: Floats) -> float:
    """Return the percent of onsets on one of the solo, by quarter and time, that sounded within 50 ms of it."""
    within = []
    for (quarter, at_s), sounded_s in zip(own, played_s, strict=True):
        solo_s = truth.solo[np.abs(truth.solo[:, 0] - quarter) < SAME_QUARTER / 2, 1]
        near = solo_s[np.abs(solo_s - at_s) < 0.5]
        if len(near):
            within.append(bool(abs(sounded_s - near[np.argmin(np.abs(near - at_s))]) <= 0.05))
    return float(100 * np.mean(within)) if within else np.nan


def _recovery(own: Floats, error: Floats, end_s: float) -> float:
    after = np.flatnonzero(own[:, 1] >= end_s - 0.05)
    right = np.abs(error[after]) <= RECOVERED_S
    for k in range(len(after) - IN_A_ROW + 1):
        if right[k : k + IN_A_ROW].all():
            return float(own[after[k], 1] - end_s)
    return np.inf


def mean_accompaniment(pieces: Mapping[str, AccompanimentAccuracy]) -> AccompanimentAccuracy:
    """Return the mean over pieces with equal weight; n is their sum, recovery_s all of them."""
    all_of = list(pieces.values())
    names = ("median_s", "p90_s", "behind_s", "missing", "extra", "with_solo")
    return AccompanimentAccuracy(
        within=tuple(float(x) for x in np.mean([piece.within for piece in all_of], axis=0)),
        recovery_s=tuple(s for piece in all_of for s in piece.recovery_s),
        n=sum(piece.n for piece in all_of),
        **{name: float(np.nanmean([getattr(piece, name) for piece in all_of])) for name in names},
    )
