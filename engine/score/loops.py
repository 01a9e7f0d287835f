"""Some bars of a score again and again, as one practises them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

from engine.core.errors import ScoreError
from engine.score.parts import PartNotes, ScoreDraft
from engine.score.score import Score

__all__ = ["BarRange", "LoopedBars", "loop_length", "looped_bars", "looped_draft", "parse_bars"]

SAME = 1e-6  # quarters
LOOPED_QUARTERS = 3600.0  # how far the repetitions reach: half an hour at 120 quarters a minute
LEAST_TIMES, MOST_TIMES = 4, 400
Value = TypeVar("Value", int, float)


class BarRange(NamedTuple):
    """Printed numbers of the first and the last bar."""

    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LoopedBars:
    """Where the places of `looped_draft`, played out, lie in the whole score.

    first: where the bars begin, quarters of the whole score
    length: of one time, quarters
    lead: from the beginning of the bars to their first note, quarters
    whole: the score without the loop
    """

    first: float
    length: float
    lead: float
    whole: Score

    def outside(self, quarter: float) -> float:
        """Return the quarter of the whole score for one of the bars played out."""
        place = quarter + self.lead
        if place < 0:
            return self.first + place
        within = place % self.length
        return self.first + (within if within < self.length - SAME else 0.0)

    def inside(self, quarter: float) -> float:
        """Return the quarter, the first time that the bars are played, for one of the whole score; 0 for any other."""
        place = quarter - self.first
        return max(place - self.lead, 0.0) if 0 <= place < self.length - SAME else 0.0

    def holds(self, quarter: float) -> bool:
        """Return whether a quarter of the whole score lies within the bars."""
        return -SAME <= quarter - self.first < self.length - SAME


def parse_bars(text: str) -> BarRange:
    """Return the bars of a text such as 5-8, or 5; ScoreError for any other."""
    first, _, last = text.replace("–", "-").partition("-")
    numbers = [each.strip() for each in (first, last or first)]
    if not all(each.isdecimal() and len(each) < 9 for each in numbers) or int(numbers[0]) > int(numbers[1]):
        raise ScoreError("--loop", expected="bars such as 5-8", got=repr(text))
    return BarRange(int(numbers[0]), int(numbers[1]))


def looped_draft(draft: ScoreDraft, bars: BarRange) -> ScoreDraft:
    """Return the score of these bars alone, written out many times; ScoreError if they are not there.

    From the last time one goes back to an earlier one (`Score.wrap`), so that it has no end.
    Of bars that are played several times, the first time counts.
    """
    first, end = _span(draft, bars)
    length = end - first
    n = max(min(int(LOOPED_QUARTERS / length), MOST_TIMES), LEAST_TIMES)
    inside = [i for i, row in enumerate(draft.bars) if first <= row[0] < end]
    tempi = [(max(quarter, first), bpm) for quarter, bpm in _holding(draft.tempi, first, end)]
    return replace(
        draft,
        parts=[_part(part, first, end, n) for part in draft.parts],
        bars=[
            (draft.bars[i][0] - first + k * length, draft.bars[i][1], draft.bars[i][2])
            for k in range(n)
            for i in inside
        ],
        beats=[draft.beats[i] for _ in range(n) for i in inside if i < len(draft.beats)],
        tempi=[(quarter - first + k * length, bpm) for k in range(n) for quarter, bpm in tempi],
        loop=(length, n),
    )


def looped_bars(draft: ScoreDraft, bars: BarRange, whole: Score) -> LoopedBars:
    """Return where the places of the looped draft lie in the whole score, made of the same draft."""
    first, end = _span(draft, bars)
    return LoopedBars(first=first - draft.start, length=end - first, lead=looped_draft(draft, bars).start, whole=whole)


def loop_length(draft: ScoreDraft, bars: BarRange) -> float:
    """Return how long the bars last, once, quarters."""
    first, end = _span(draft, bars)
    return end - first


def _span(draft: ScoreDraft, bars: BarRange) -> tuple[float, float]:
    """Return where the bars begin and end, quarters."""
    numbers = [row[1] for row in draft.bars]
    if bars.first not in numbers or bars.last not in numbers[numbers.index(bars.first) :]:
        expected = f"bars from {min(numbers, default=0)} to {max(numbers, default=0)}, in the order of play"
        raise ScoreError("--loop", expected=expected, got=f"{bars.first}-{bars.last}")
    first = numbers.index(bars.first)
    last = numbers.index(bars.last, first)
    end = max(row[0] + row[1] for part in draft.parts for row in part.notes)
    return draft.bars[first][0], draft.bars[last + 1][0] if last + 1 < len(numbers) else end


def _holding(marks: Sequence[tuple[float, Value]], first: float, end: float) -> list[tuple[float, Value]]:
    """Return the marks that hold within a span, the one in force at its beginning among them."""
    last = bisect_right(marks, first, key=lambda mark: mark[0]) - 1
    return [mark for mark in marks[max(last, 0) :] if mark[0] < end]


def _part(part: PartNotes, first: float, end: float, n: int) -> PartNotes:
    """Return the notes and pedal of a part within the span, n times; what rings on beyond is cut."""
    length = end - first
    rows = [row for row in part.notes if first <= row[0] < end]
    pedal = [(max(quarter, first), value) for quarter, value in _holding(part.pedal, first, end)]
    pedal += [(end, 0)] if pedal else []
    return replace(
        part,
        notes=[(row[0] - first + k * length, min(row[1], end - row[0]), *row[2:]) for k in range(n) for row in rows],
        pedal=[(quarter - first + k * length, value) for k in range(n) for quarter, value in pedal],
        fermatas=[
            quarter - first + k * length for k in range(n) for quarter in part.fermatas if first <= quarter < end
        ],
    )
