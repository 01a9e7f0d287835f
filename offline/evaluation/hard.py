"""Evaluate following on hard takes (`collaparte data hard`), situation by situation.

A position is right within half a quarter of the truth, at any moment at which the piece is played. Where the score has
the same notes more than once nobody can tell which is meant: these places count as right, as in `evaluate jumps`.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.core.table_log import TableLog
from engine.score.readers import read_score
from engine.score.score import Score
from offline.batch.piece_folders import EvaluationPiece, PieceCounts, each_judged, find_pieces, folders_left_out
from offline.datasets.hard_set import MANIFEST, HardRow, read_manifest
from offline.evaluation.following import TrackingMethod
from offline.evaluation.jumps.repeats_and_cuts import same_places
from offline.evaluation.onsets import PositionTrack
from offline.evaluation.reliability import draw_reliability, expected_calibration_error

__all__ = [
    "STEP_S",
    "HardOutcome",
    "HardSummary",
    "Stretch",
    "evaluate_hard",
    "false_leaps",
    "hard_table",
    "judge_moments",
    "judge_take",
    "summarise",
    "takes_of",
]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

STEP_S = 0.05  # moments that are judged
NEAR_QUARTERS = 0.5
ENTRY_QUARTERS = 2.0  # from where it goes on: a leap there before the player does is no false one
TIMELY_S = 0.2
AGAIN_S, AGAIN_SHARE = 1.0, 0.8  # recovered: right for four fifths of a second
SOON_S = 3.0
FAR_S = 3.0  # score seconds of a leap
AROUND_S = (2.0, 4.0)  # music before and after a moment that must be identical for a place to count as identical
BEFORE = -1.0  # position before anything is reported, quarters
ANOTHER = "another"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HardOutcome:
    """What came of one take.

    at_s: (moment) seconds
    near: (moment) whether the position was right
    timely: (moment) whether it was within 200 ms of the truth
    confidence: (moment); NaN where a method has none
    recover_s: seconds to recover after each disruption, inf if it did not
    n_leaps: far steps from right to wrong or, while nobody played, to where nobody goes on
    hours: length of the take
    another: whether another piece was played
    """

    row: HardRow
    at_s: Floats
    near: Flags
    timely: Flags
    confidence: Floats
    recover_s: Floats
    n_leaps: int
    hours: float
    another: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HardSummary:
    """Figures of one situation, or of all.

    right, timely: percent of the time within half a quarter, and within 200 ms; NaN on another piece
    recover_s: median time to recover, seconds; soon: percent of disruptions after which it took at most three seconds
    leaps: false leaps an hour
    error: expected calibration error
    sure, lost: mean confidence where right, and where wrong
    n: takes
    """

    name: str
    right: float
    timely: float
    recover_s: float
    soon: float
    leaps: float
    error: float
    sure: float
    lost: float
    n: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of playing: seconds and quarters, both rising, of its onsets and its end.

    disruption: what happened before it, empty if nothing did
    """

    at_s: Floats
    quarter: Floats
    disruption: str


def evaluate_hard(
    folder: Path,
    method: TrackingMethod,
    *,
    halves: Collection[str],
    csv_path: Path | None = None,
    plot: Path | None = None,
    say: Callable[[str], None] = print,
) -> PieceCounts:
    """Track the takes of some halves; print a table of situations, and all together.

    Takes that fail are said, and have no part in the table.
    csv_path: file for a row a take, written as they are judged
    plot: picture of the reliability diagram
    """
    rows, left_out = takes_of(folder, halves)
    with ExitStack() as stack:
        table = None if csv_path is None else stack.enter_context(TableLog(csv_path, TAKE_HEADER))

        def judged(row: HardRow) -> HardOutcome:
            outcome = judge_take(folder / row.take, row, method)
            if table is not None:
                table.write([_take_row(outcome)])
            return outcome

        outcomes = each_judged(rows, judged, attrgetter("take"), unit="take", say=say)
    for line in hard_table(outcomes):
        say(line)
    if plot is not None:
        draw_reliability(plot, _joined(o.confidence for o in outcomes), _joined(o.near for o in outcomes) > 0)
    return PieceCounts(len(outcomes), len(rows) - len(outcomes), folders_left_out(left_out))


def takes_of(folder: Path, halves: Collection[str]) -> tuple[list[HardRow], dict[str, str]]:
    """Return the takes of some halves, and what each that was left out lacks, by its name.

    AudioFileError if there is no manifest.
    """
    asked = read_manifest(folder)
    rows, found = [row for row in asked if row.half in halves], find_pieces(folder)
    there = {piece.name for piece in found.pieces}
    left_out = {row.take: found.lacking.get(row.take, "no such folder") for row in rows if row.take not in there}
    known = {row.take for row in asked}
    left_out |= {name: f"not in {MANIFEST}" for name in sorted(there | set(found.lacking)) if name not in known}
    return [row for row in rows if row.take in there], left_out


def judge_take(folder: Path, row: HardRow, method: TrackingMethod) -> HardOutcome:
    """Track one take and compare it with its truth."""
    piece = EvaluationPiece(
        name=row.take,
        score=next(folder.glob("score.*")),
        performance=folder / "performance.flac",
        truth=folder / "truth.csv",
    )
    track, score = method(piece), read_score(piece.score)
    segments = _rows(folder / "segments.csv")
    stretches = _stretches(_rows(piece.truth), segments)
    another = any(s["kind"] == ANOTHER for s in segments)
    moments = [judge_moments(stretch, track, score) for stretch in stretches]
    if another:
        n = int((float(segments[-1]["end_s"]) - float(segments[0]["start_s"])) / STEP_S)
        at_s = float(segments[0]["start_s"]) + STEP_S * np.arange(n, dtype=np.float64)
        moments = [(at_s, np.zeros(n, bool), np.zeros(n, bool), _at(track, at_s)[1])]
    return HardOutcome(
        row=row,
        at_s=_joined(m[0] for m in moments),
        near=_joined(m[1] for m in moments) > 0,
        timely=_joined(m[2] for m in moments) > 0,
        confidence=_joined(m[3] for m in moments),
        recover_s=np.array([_recovery(m[1]) for m, s in zip(moments, stretches, strict=False) if s.disruption]),
        n_leaps=0 if another else false_leaps(track, score, stretches),
        hours=float(row.seconds) / 3600,
        another=another,
    )


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _stretches(truth: Sequence[dict[str, str]], segments: Sequence[dict[str, str]]) -> list[Stretch]:
    """Return the stretches with at least one onset."""
    out = []
    for number, segment in enumerate(segments):
        rows = [(float(r["audio_s"]), float(r["quarter"])) for r in truth if int(r["segment"]) == number]
        if rows:
            last_s, last = float(segment["end_s"]), float(segment["last"])
            rows += [(max(last_s, rows[-1][0] + 1e-3), max(last, rows[-1][1] + 1e-3))]
            at_s, quarter = np.array(rows).T
            out.append(Stretch(np.maximum.accumulate(at_s), quarter, segment["disruption"]))
    return out


def _at(track: PositionTrack, at_s: Floats) -> tuple[Floats, Floats]:
    """Return the position and confidence reported for each moment."""
    index = np.searchsorted(track.at_s, at_s, side="right")
    confidence = np.full(len(track.at_s), np.nan) if track.confidence is None else track.confidence
    return np.append(BEFORE, track.quarter)[index], np.append(0.0, confidence)[index]


def judge_moments(stretch: Stretch, track: PositionTrack, score: Score) -> tuple[Floats, Flags, Flags, Floats]:
    """Return (moment) seconds, near, timely and confidence."""
    at_s = np.arange(stretch.at_s[0], stretch.at_s[-1], STEP_S)
    true = np.interp(at_s, stretch.at_s, stretch.quarter)
    quarter, confidence = _at(track, at_s)
    near, timely = np.zeros(len(at_s), bool), np.zeros(len(at_s), bool)
    for first in range(0, len(at_s), round(1 / STEP_S)):
        part = slice(first, first + round(1 / STEP_S))
        for shift in _alike(stretch, score, float(at_s[first])):
            moved = quarter[part] - shift
            near[part] |= np.abs(moved - true[part]) <= NEAR_QUARTERS
            timely[part] |= np.abs(_extended(moved, stretch) - at_s[part]) <= TIMELY_S
    return at_s, near, timely, confidence


def _alike(stretch: Stretch, score: Score, at_s: float) -> Floats:
    """Return the distances to all places whose notes are those around a moment, 0 among them."""
    around = np.array([at_s - AROUND_S[0], at_s + AROUND_S[1]])
    first, last = np.interp(around, stretch.at_s, stretch.quarter)
    return same_places(score, float(first), float(last))


def _extended(quarter: Floats, stretch: Stretch) -> Floats:
    """Return when each quarter is reached, continued at the mean tempo beyond the stretch."""
    pace = (stretch.at_s[-1] - stretch.at_s[0]) / (stretch.quarter[-1] - stretch.quarter[0])
    inside = np.interp(quarter, stretch.quarter, stretch.at_s)
    beyond = quarter - np.clip(quarter, stretch.quarter[0], stretch.quarter[-1])
    return np.asarray(inside + pace * beyond)


def _recovery(near: Flags) -> float:
    """Return the seconds until it is right and stays so for a second, or to the end; inf if never."""
    n = round(AGAIN_S / STEP_S)
    padded = np.append(near, np.full(n - 1, near[-1]))
    again = np.convolve(padded, np.ones(n), mode="valid") >= AGAIN_SHARE * n
    return float(np.argmax(again & near)) * STEP_S if (again & near).any() else np.inf


def false_leaps(track: PositionTrack, score: Score, stretches: Sequence[Stretch]) -> int:
    """Count the far steps that left the right place, and those while nobody played."""
    if len(track.at_s) < 2:
        return 0
    far = np.flatnonzero(np.abs(np.diff(score.seconds(track.quarter))) > FAR_S)
    return sum(_false(i, track, score, stretches) for i in far.tolist())


def _false(i: int, track: PositionTrack, score: Score, stretches: Sequence[Stretch]) -> bool:
    """Tell whether the step to position i + 1 left the right place or, in silence, went where nobody goes on."""
    at_s = float(track.at_s[i + 1])
    stretch = next((s for s in stretches if at_s <= s.at_s[-1]), None)
    if stretch is None:
        return True
    true = float(np.interp(at_s, stretch.at_s, stretch.quarter))
    off = track.quarter[i : i + 2, None] - true - _alike(stretch, score, at_s)
    before, after = np.abs(off).min(axis=1)
    if at_s < stretch.at_s[0]:
        return bool(after > ENTRY_QUARTERS)
    return bool(before <= NEAR_QUARTERS < after)


def _joined(arrays: Iterable[npt.NDArray[np.generic]]) -> Floats:
    return np.concatenate([np.zeros(0), *(np.asarray(a, dtype=float) for a in arrays)])


def summarise(name: str, outcomes: Sequence[HardOutcome]) -> HardSummary:
    """Return the figures of some takes; times of playing are weighted by their length."""
    own = [o for o in outcomes if not o.another]
    near, confidence = _joined(o.near for o in outcomes) > 0, _joined(o.confidence for o in outcomes)
    times = _joined(o.recover_s for o in own)
    hours = sum(o.hours for o in own)
    return HardSummary(
        name=name,
        right=_percent(_joined(o.near for o in own)),
        timely=_percent(_joined(o.timely for o in own)),
        recover_s=float(np.median(times)) if len(times) else np.nan,
        soon=_percent(times <= SOON_S),
        leaps=sum(o.n_leaps for o in own) / hours if hours else np.nan,
        error=expected_calibration_error(confidence, near) if np.isfinite(confidence).all() else np.nan,
        sure=_mean(confidence[near]),
        lost=_mean(confidence[~near]),
        n=len(outcomes),
    )


def _mean(values: Floats) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


def _percent(values: npt.NDArray[np.generic]) -> float:
    return 100 * _mean(np.asarray(values, dtype=float))


HEADER = ("situation", "right %", "200 ms %", "recover s", "in 3 s %", "leaps/h", "ECE", "sure", "lost", "takes")
TAKE_HEADER = ("take", "half", "piece", "value", *HEADER[:-1])


def hard_table(outcomes: Sequence[HardOutcome]) -> list[str]:
    """Return lines: each situation, and all together."""
    groups: dict[str, list[HardOutcome]] = {}
    for outcome in outcomes:
        groups.setdefault(outcome.row.situation, []).append(outcome)
    rows = [_cells(summarise(name, group)) for name, group in groups.items()]
    rows += [_cells(summarise("all", outcomes))]
    widths = [max(map(len, column)) for column in zip(HEADER, *rows, strict=True)]
    return ["  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True)))
            for row in (HEADER, *rows)]  # fmt: skip


def _cells(s: HardSummary) -> tuple[str, ...]:
    figures = (s.right, s.timely, s.recover_s, s.soon, s.leaps)
    shares = (s.error, s.sure, s.lost)
    shown = [_shown(x, 1) for x in figures] + [_shown(x, 3) for x in shares]
    return (s.name, *shown, str(s.n))


def _shown(value: float, digits: int) -> str:
    return "" if np.isnan(value) else "never" if np.isinf(value) else f"{value:.{digits}f}"


def _take_row(outcome: HardOutcome) -> tuple[str, ...]:
    row = outcome.row
    return (row.take, row.half, row.piece, row.value, *_cells(summarise(row.situation, [outcome]))[:-1])
