"""Accuracy of following: the share of onsets found within 25, 50, 100 and 200 ms, and the share never found.

Two protocols. First reach: an onset is found at the first instant whose position has reached it, as a page turner or
an accompanist would act; one that is never reached is infinitely wrong. Nearest frame: it is found at the instant whose
position is nearest to it, as papers on warping paths count.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.core.errors import ScoreError
from engine.core.events import Event, Position
from engine.core.whole_file import open_text, whole_text

__all__ = [
    "PROTOCOLS",
    "THRESHOLDS_MS",
    "Accuracy",
    "PositionTrack",
    "accuracy",
    "evaluate_track",
    "first_reach",
    "format_table",
    "in_columns",
    "mean_accuracy",
    "nearest_frame",
    "read_truth",
    "track_of",
    "write_table",
]

Floats = npt.NDArray[np.float64]

THRESHOLDS_MS = (25, 50, 100, 200)
SAME_QUARTER = 1e-4  # truth and events are rounded in their files


@dataclass(frozen=True, slots=True, eq=False)
class PositionTrack:
    """A score position over time.

    at_s: seconds, never falling
    quarter: quarters
    confidence: of each position, 0 to 1, where it is known
    """

    at_s: Floats
    quarter: Floats
    confidence: Floats | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """Errors of the onsets of one or more pieces.

    within: percent of onsets within each of THRESHOLDS_MS
    mean_s, median_s, p95_s: of the absolute errors of found onsets; NaN if there is none
    lost: percent never found
    n: onsets
    """

    within: tuple[float, ...]
    mean_s: float
    median_s: float
    p95_s: float
    lost: float
    n: int


def track_of(events: Iterable[Event], sample_rate: int) -> PositionTrack:
    """Return the positions among the events."""
    positions = [each for each in events if isinstance(each, Position)]
    track = _track([(each.at / sample_rate, each.quarter) for each in positions])
    return replace(track, confidence=np.array([each.confidence for each in positions]))


def _track(rows: Sequence[tuple[float, float]]) -> PositionTrack:
    table = np.array(rows, dtype=float).reshape(-1, 2)
    table = table[np.argsort(table[:, 0], kind="stable")]
    return PositionTrack(table[:, 0], table[:, 1])


def read_truth(path: str | Path) -> tuple[Floats, Floats]:
    """Read (quarter, audio_s) of annotated onsets from a CSV with these columns, without those never played."""
    try:
        with open_text(path) as file:
            rows = [(float(row["quarter"]), float(row["audio_s"])) for row in csv.DictReader(file) if row["audio_s"]]
    except (KeyError, TypeError, ValueError) as error:
        raise ScoreError(str(path), expected="CSV with columns quarter,audio_s", got=str(error)) from error
    table = np.array(rows, dtype=float).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def first_reach(track: PositionTrack, quarter: Floats) -> Floats:
    """Return the first instant whose position has reached each quarter, seconds; inf if none has."""
    furthest = np.maximum.accumulate(track.quarter)
    index = np.searchsorted(furthest, quarter - SAME_QUARTER)
    return np.append(track.at_s, np.inf)[index]


def nearest_frame(track: PositionTrack, quarter: Floats) -> Floats:
    """Return the first instant whose position is nearest to each quarter, seconds; inf for an empty track."""
    if not len(track.at_s):
        return np.full(len(quarter), np.inf)
    return np.array([track.at_s[np.argmin(np.abs(track.quarter - q))] for q in quarter])


PROTOCOLS = {"first reach": first_reach, "nearest frame": nearest_frame}


def accuracy(error_s: Floats) -> Accuracy:
    """Summarise errors in seconds, inf for an onset that was never found."""
    size = np.abs(error_s)
    found = size[np.isfinite(size)]
    # Half a microsecond of slack: 0.075 - 0.05 is not 0.025 in binary.
    within = tuple(float(100 * np.mean(size <= ms / 1000 + 5e-7)) for ms in THRESHOLDS_MS)
    return Accuracy(
        within=within,
        mean_s=float(found.mean()) if len(found) else np.nan,
        median_s=float(np.median(found)) if len(found) else np.nan,
        p95_s=float(np.percentile(found, 95)) if len(found) else np.nan,
        lost=float(100 * (1 - len(found) / len(size))),
        n=len(size),
    )


def evaluate_track(track: PositionTrack, quarter: Floats, audio_s: Floats) -> dict[str, Accuracy]:
    """Return the accuracy by each protocol against the truth: each onset's quarter and when it sounds, seconds."""
    return {name: accuracy(find(track, quarter) - audio_s) for name, find in PROTOCOLS.items()}


def mean_accuracy(pieces: Sequence[Accuracy]) -> Accuracy:
    """Return the mean over pieces with equal weight; n is their sum."""
    means = {name: _nanmean([getattr(p, name) for p in pieces]) for name in ("mean_s", "median_s", "p95_s", "lost")}
    within = tuple(float(x) for x in np.mean([p.within for p in pieces], axis=0))
    return Accuracy(within=within, n=sum(p.n for p in pieces), **means)


def _nanmean(values: Sequence[float]) -> float:
    known = [v for v in values if np.isfinite(v)]
    return float(np.mean(known)) if known else float("nan")


HEADER = ("piece", *(f"{ms} ms" for ms in THRESHOLDS_MS), "mean ms", "median ms", "p95 ms", "lost %", "onsets")


def _row(name: str, result: Accuracy) -> tuple[str, ...]:
    times = (result.mean_s, result.median_s, result.p95_s)
    return (
        name,
        *(f"{x:.1f}" for x in result.within),
        *(f"{1000 * x:.0f}" for x in times),
        f"{result.lost:.1f}",
        str(result.n),
    )


def format_table(results: Mapping[str, Accuracy]) -> str:
    """Format a table with a row for each name."""
    return in_columns([HEADER, *(_row(name, result) for name, result in results.items())])


def in_columns(rows: Sequence[Sequence[str]]) -> str:
    """Format rows of cells in columns, the first to the left, all others to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    ]
    return "\n".join(lines)


def write_table(path: str | Path, results: Mapping[str, Mapping[str, Accuracy]]) -> None:
    """Write the tables of all protocols, {protocol: {piece: Accuracy}}, as one CSV."""
    with whole_text(path) as file:
        writer = csv.writer(file)
        writer.writerow(("protocol", *HEADER))
        for protocol, pieces in results.items():
            writer.writerows((protocol, *_row(name, result)) for name, result in pieces.items())
