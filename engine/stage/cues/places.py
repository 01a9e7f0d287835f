"""Places of a score as a musician names them: `bar 12 beat 3`, `mark B`, `quarter 48.5`; and where they are played."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from engine.score.score import Score

__all__ = ["CuePlace", "PlaceError", "bar_and_beat", "parse_place", "place_quarters"]

SAME = 1e-6  # quarters
NUMBER = r"(\d+(?:\.\d+)?)"
PATTERN = re.compile(
    rf"(?:quarter {NUMBER}|bar (\d+)(?: beat {NUMBER})?|mark (.+?)(?: bar (\d+))?(?: beat {NUMBER})?)", re.IGNORECASE
)
WANTED = "`bar 12`, `bar 12 beat 3`, `mark B`, `mark B bar 2 beat 3` or `quarter 48.5`"


class PlaceError(ValueError):
    """A place that is not there: what was expected, and what was found."""

    def __init__(self, expected: str, got: str) -> None:
        self.expected, self.got = expected, got
        super().__init__(f"expected {expected}, got {got}")


class CuePlace(NamedTuple):
    """A place of the score.

    quarter: as played, where it is told by that
    bar: printed number; after a mark, how many-th bar, the first is its own
    mark: rehearsal mark
    beat: from 1, fractions allowed
    """

    quarter: float | None = None
    bar: int | None = None
    mark: str = ""
    beat: float = 1.0


def parse_place(value: object) -> CuePlace:
    """Read a place; PlaceError for anything else.

    >>> parse_place("bar 12 beat 3")
    CuePlace(quarter=None, bar=12, mark='', beat=3.0)
    >>> parse_place("mark B").mark
    'B'
    >>> parse_place(48.5).quarter
    48.5
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return CuePlace(quarter=float(value))
    found = PATTERN.fullmatch(" ".join(value.split())) if isinstance(value, str) else None
    if found is None:
        raise PlaceError(WANTED, repr(value))
    quarter, bar, beat, mark, mark_bar, mark_beat = found.groups()
    if quarter is not None:
        return CuePlace(quarter=float(quarter))
    if mark is not None:
        return CuePlace(mark=mark, bar=int(mark_bar or 1), beat=float(mark_beat or 1))
    return CuePlace(bar=int(bar), beat=float(beat or 1))


def place_quarters(place: CuePlace, score: Score) -> list[float]:
    """Return where a place is played, quarters: once for each pass; PlaceError if it is nowhere."""
    if place.quarter is not None:
        return [_inside(place.quarter, score)]
    if place.mark:
        return [_beat(place, _bar_after(quarter, place, score), quarter, score) for quarter in _marked(place, score)]
    bars = np.flatnonzero(score.bar_number == place.bar)
    if not len(bars):
        known = f"a bar from {score.bar_number.min()} to {score.bar_number.max()}"
        raise PlaceError(known, f"bar {place.bar}")
    return [_beat(place, int(bar), None, score) for bar in bars]


def bar_and_beat(quarter: float, score: Score) -> tuple[int, float]:
    """Return printed bar and beat, from 1, of a place."""
    index = _bar_of(quarter, score)
    start, _, beat = _bar(index, score)
    return int(score.bar_number[index]), float(1 + (quarter - start) / beat)


def _inside(quarter: float, score: Score) -> float:
    if not -SAME <= quarter <= score.end_quarter:
        raise PlaceError(f"a quarter from 0 to {score.end_quarter:g}", f"quarter {quarter:g}")
    return quarter


def _marked(place: CuePlace, score: Score) -> list[float]:
    """Return where a rehearsal mark is played."""
    found = [quarter for quarter, text in score.marks if text.casefold() == place.mark.casefold()]
    if not found:
        known = ", ".join(dict.fromkeys(text for _, text in score.marks))
        raise PlaceError(f"one of the marks {known}" if known else "a score with rehearsal marks", f"mark {place.mark}")
    return found


def _bar_of(quarter: float, score: Score) -> int:
    return max(int(np.searchsorted(score.bar_quarter, quarter + SAME, side="right")) - 1, 0)


def _bar_after(quarter: float, place: CuePlace, score: Score) -> int:
    index = _bar_of(quarter, score) + (place.bar or 1) - 1
    if not index < len(score.bar_quarter):
        raise PlaceError("a bar of the score", f"mark {place.mark} bar {place.bar}")
    return index


def _bar(index: int, score: Score) -> tuple[float, float, float]:
    """Return begin and end of a bar, and the length of its beats, quarters; an upbeat is counted from its end."""
    ends = np.append(score.bar_quarter[1:], max(score.end_quarter, score.bar_quarter[-1]))
    start, stop = float(score.bar_quarter[index]), float(ends[index])
    beat = float(score.bar_beat[index]) if index < len(score.bar_beat) else 1.0
    upbeat = index == 0 and len(ends) > 1 and stop - start < ends[1] - ends[0] - SAME
    return (stop - float(ends[1] - ends[0]) if upbeat else start), stop, beat


def _beat(place: CuePlace, index: int, marked: float | None, score: Score) -> float:
    """Return the quarter of a beat of a bar; of the bar of a mark without a beat, that of the mark itself."""
    start, stop, beat = _bar(index, score)
    if marked is not None and place.bar == 1 and place.beat == 1:
        return marked
    quarter = start + (place.beat - 1) * beat
    first = 1 + (max(start, float(score.bar_quarter[index])) - start) / beat
    if not score.bar_quarter[index] - SAME <= quarter < stop - SAME:
        beats = f"a beat from {first:g} to below {1 + (stop - start) / beat:g}"
        raise PlaceError(f"{beats} in bar {score.bar_number[index]}", f"beat {place.beat:g}")
    return quarter
