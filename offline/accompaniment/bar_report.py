"""What became of each bar as it was played: how fast, slower than usual, again, or not at all."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.core.events import Event, Position, State
from engine.core.whole_file import whole_text
from engine.score.score import Score

__all__ = ["BarLog", "BarRow", "write_bar_report"]

FOLLOWED = {"following", "paused"}  # states in which a position is believed
ENDED = "ended"
BACK = 1.0  # quarters: a step back by less is a correction
AHEAD, AHEAD_PACE = 1.5, 4.0  # a step ahead by more quarters than this, and than so many times the score's own pace
HELD = 0.5  # share of a bar that must be played for it to count
SLOW = 0.8  # a bar at less than this share of the usual pace has slowed down
SAME = 1e-6
STEP = 0.1  # quarters between two positions that are kept, so that hours fit into memory

Floats = npt.NDArray[np.float64]


class BarRow(NamedTuple):
    """A bar as it was played, or skipped.

    bar: printed number
    time: which time this bar of the page was played, 0 for one that was skipped
    at_s, seconds: when it began and how long it took; NaN if it was skipped
    tempo_bpm: quarters a minute
    relative: its pace against the usual one of the whole, 1 for the same; the score's own tempo changes do not count
    remark: slower, repeated (against the order of play), skipped, or nothing
    """

    bar: int
    time: int
    at_s: float
    seconds: float
    tempo_bpm: float
    relative: float
    remark: str


@dataclass(frozen=True, slots=True)
class _Visit:
    """A bar, by its index in the order of play, and the quarters and seconds from its beginning to its end.

    round: how often a loop had gone back to an earlier time that it is written out
    """

    index: int
    round: int
    quarter: tuple[float, float]
    at_s: tuple[float, float]


class BarLog:
    """Take the follower's events while it runs; `rows` says what became of each bar."""

    def __init__(self, score: Score, sample_rate: int) -> None:
        self._score, self._rate = score, sample_rate
        self._passages: list[list[tuple[float, float]]] = []  # (seconds, quarter), without a jump
        self._rounds: list[int] = []  # of each
        self._followed = False

    def take(self, event: Event) -> None:
        """Take any event; positions and states count."""
        if isinstance(event, State):
            if event.name == ENDED and self._followed and self._at_the_last_onset:
                self._add(event.at / self._rate, self._score.end_quarter)  # no position speaks of a long last note
            self._followed = event.name in FOLLOWED
        elif isinstance(event, Position) and self._followed:
            self._add(event.at / self._rate, event.quarter)

    @property
    def _at_the_last_onset(self) -> bool:
        last = self._score.onset_quarter[-1]
        return bool(self._passages) and self._passages[-1][-1][1] > last - STEP

    def _add(self, at_s: float, quarter: float) -> None:
        if not self._passages or self._jumps(*self._passages[-1][-1], at_s, quarter):
            self._rounds.append(
                self._rounds[-1] + self._loops(self._passages[-1][-1][1], quarter) if self._rounds else 0
            )
            self._passages.append([])
        passage = self._passages[-1]
        before = passage[-1][1] if passage else quarter
        if len(passage) > 1 and before - passage[-2][1] < STEP:
            passage.pop()
        passage.append((at_s, max(quarter, before)))

    def _jumps(self, before_s: float, before: float, at_s: float, quarter: float) -> bool:
        most_s = AHEAD_PACE * (at_s - before_s)
        ahead_s = float(self._score.seconds(quarter) - self._score.seconds(before))
        return quarter < before - BACK or (quarter > before + AHEAD and ahead_s > most_s)

    def _loops(self, before: float, quarter: float) -> bool:
        """Return whether a step is that of a loop to an earlier time that it is written out."""
        by = self._score.wrap[1]
        return by > 0 and abs(before - by - quarter) < BACK

    def rows(self) -> list[BarRow]:
        """Return a row for each time that a bar was played, and for each that was skipped, in order."""
        rounds = zip(self._passages, self._rounds, strict=True)
        visits = [visit for passage, number in rounds for visit in self._visits(passage, number)]
        paces = [self._pace(visit) for visit in visits]
        usual = float(np.median(paces)) if paces else 1.0
        times: Counter[int] = Counter()
        again: Counter[tuple[int, int]] = Counter()
        played = {visit.index for visit in visits}
        rows: list[BarRow] = []
        for before, visit, pace in zip([None, *visits], visits, paces, strict=False):
            if before is not None:
                rows += [self._skipped(i) for i in range(before.index + 1, visit.index) if i not in played]
            place = int(self._score.bar_place[visit.index])
            times[place] += 1
            again[visit.round, visit.index] += 1
            rows.append(self._row(visit, times[place], pace / usual, again[visit.round, visit.index] > 1))
        return rows

    def _visits(self, passage: Sequence[tuple[float, float]], number: int) -> Iterable[_Visit]:
        """Yield the bars that a passage goes through, at least by half."""
        at_s, quarter = np.array(passage).T
        edges = np.append(self._score.bar_quarter, max(self._score.end_quarter, self._score.bar_quarter[-1] + SAME))
        for index, (start, end) in enumerate(pairwise(edges)):
            low, high = max(start, quarter[0]), min(end, quarter[-1])
            if high - low >= HELD * (end - start):
                yield _Visit(index, number, (low, high), (_reached(at_s, quarter, low), _reached(at_s, quarter, high)))

    def _pace(self, visit: _Visit) -> float:
        """Return seconds of the score's own tempo for each second of playing."""
        start, end = self._score.seconds(visit.quarter)
        return float((end - start) / max(visit.at_s[1] - visit.at_s[0], SAME))

    def _row(self, visit: _Visit, time: int, relative: float, again: bool) -> BarRow:
        seconds = visit.at_s[1] - visit.at_s[0]
        remarks = ["repeated"] * again + ["slower"] * (relative < SLOW)
        return BarRow(
            bar=int(self._score.bar_number[visit.index]),
            time=time,
            at_s=visit.at_s[0],
            seconds=seconds,
            tempo_bpm=float(60 * (visit.quarter[1] - visit.quarter[0]) / max(seconds, SAME)),
            relative=relative,
            remark=", ".join(remarks),
        )

    def _skipped(self, index: int) -> BarRow:
        nothing = float("nan")
        return BarRow(int(self._score.bar_number[index]), 0, nothing, nothing, nothing, nothing, "skipped")


def _reached(at_s: Floats, quarter: Floats, place: float) -> float:
    """Return when a place was reached first; quarter does not fall."""
    i = int(np.searchsorted(quarter, place - SAME))
    if i == 0 or quarter[i] - quarter[i - 1] < SAME:
        return float(at_s[i])
    share = (place - quarter[i - 1]) / (quarter[i] - quarter[i - 1])
    return float(at_s[i - 1] + np.clip(share, 0, 1) * (at_s[i] - at_s[i - 1]))


def write_bar_report(path: Path, rows: Sequence[BarRow]) -> None:
    """Write a CSV with the fields of BarRow; what was never played has empty fields."""
    with whole_text(path) as file:
        writer = csv.writer(file)
        writer.writerow(BarRow._fields)
        for row in rows:
            numbers = ("" if np.isnan(value) else f"{value:.3f}" for value in row[2:6])
            writer.writerow((row.bar, row.time, *numbers, row.remark))
