"""The bars that all parts share, and the form of the piece as the signs of all parts tell it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise, zip_longest
from typing import NamedTuple

from engine.score.form import Backward, Ending, Form, Leap
from engine.score.musicxml.bars import PartBar
from engine.score.musicxml.signs import BEGINS, Sign, bar_signs

__all__ = ["Section", "WholeBar", "read_form", "whole_bars"]

ZERO = Fraction(0)
LEAPS = ("dacapo", "dalsegno")
ONCE = ("segno", "coda", "to coda", "fine", "coda sign")  # at most one of each kind in a bar
Point = tuple[int, Fraction]  # bar, quarters from its beginning


class WholeBar(NamedTuple):
    """A bar of the whole score: printed number, length in quarters, by its metre (0: none), and whether uncounted.

    beat: length of its beats, quarters
    """

    number: int
    length: Fraction
    metre: Fraction
    implicit: bool
    beat: Fraction = Fraction(1)


class Section(NamedTuple):
    """A bar, or a piece of one where a sign stands inside it: its beginning and end within the bar, quarters."""

    bar: int
    start: Fraction
    end: Fraction


def whole_bars(parts: Sequence[Sequence[PartBar]]) -> list[WholeBar]:
    """Return the bars of the whole score; each is as long as the longest of its parts."""
    bars: list[WholeBar] = []
    for column in zip_longest(*parts):
        there = [bar for bar in column if bar is not None]
        before = bars[-1].number if bars else 0
        implicit = any(bar.implicit for bar in there)
        number = _printed_number(there[0].number, before, implicit or not there[0].number)
        bars.append(WholeBar(number, _length(there, implicit), _metre(there), implicit, there[0].beat))
    return bars


def _printed_number(text: str, before: int, implicit: bool) -> int:
    """Return the number that a bar is known by: its own; an uncounted one without (X1) has that of the bar before."""
    if digits := re.match(r"\s*([0-9]{1,8})(?![0-9])", text):
        return int(digits[1])
    return before if implicit and text else before + 1


def _metre(bars: Iterable[PartBar]) -> Fraction:
    return max(bar.metre for bar in bars)


def _length(bars: list[PartBar], implicit: bool) -> Fraction:
    """Return the length of a bar: what it holds; of rests over the whole bar no more than the metre allows."""
    reach, metre = max(bar.reach for bar in bars), _metre(bars)
    if implicit and reach:
        return reach
    rest = max(min(bar.rest, metre or bar.rest) for bar in bars)
    return max(reach, rest) or (ZERO if implicit else metre)


@dataclass(slots=True)
class _Signs:
    """The signs of all parts by the point where they take effect; `guessed` are read from words or signs alone."""

    bars: list[WholeBar]
    forward: set[Point] = field(default_factory=set)
    backward: dict[Point, Backward] = field(default_factory=dict)
    endings: dict[Point, tuple[int, ...]] = field(default_factory=dict)
    stops: set[Point] = field(default_factory=set)
    places: dict[str, dict[Point, str]] = field(default_factory=lambda: {kind: {} for kind in ONCE})
    leaps: dict[Point, Leap] = field(default_factory=dict)
    trios: set[Point] = field(default_factory=set)
    finals: set[int] = field(default_factory=set)
    guessed: list[tuple[int, str]] = field(default_factory=list)

    def begin(self, bar: int, at: Fraction | None) -> Point | None:
        """Return the beginning that a sign belongs to: at the end of a bar, that of the next; None after the last."""
        while bar < len(self.bars) and (at is None or at >= self.bars[bar].length):
            bar, at = bar + 1, ZERO
        return (bar, at or ZERO) if bar < len(self.bars) else None

    def end(self, bar: int, at: Fraction | None) -> Point | None:
        """Return the end that a sign belongs to: at the beginning of a bar, that of the one before."""
        if at is not None and ZERO < at < self.bars[bar].length:
            return bar, at
        bar -= at is not None and at <= ZERO
        while bar >= 0 and not self.bars[bar].length:
            bar -= 1
        return (bar, self.bars[bar].length) if bar >= 0 else None

    def add(self, bar: int, sign: Sign) -> None:
        """Take a sign of a barline."""
        point = self.begin(bar, sign.at) if sign.kind in BEGINS else self.end(bar, sign.at)
        if point is None:
            return
        if sign.kind == "forward":
            self.forward.add(point)
        elif sign.kind == "backward":
            known = self.backward.get(point, Backward())
            again = known.after_jump or sign.after_jump
            self.backward[point] = Backward(max(known.times, sign.times), again)
        elif sign.kind == "ending":
            self.endings[point] = self.endings.get(point) or sign.numbers
        elif sign.kind == "ending stop":
            self.stops.add(point)
        elif sign.kind == "trio":
            self.trios.add((point[0], ZERO))  # the word may stand on a later beat
        elif sign.kind == "final":
            self.finals.add(point[0])


def read_form(parts: Sequence[Sequence[PartBar]], bars: list[WholeBar]) -> tuple[Form, list[Section], list[str]]:
    """Return the form of the piece, its sections, and what was read from words or signs alone.

    A sign of any part holds for all.
    """
    signs = _Signs(bars)
    for bar in range(len(bars)):
        found = [sign for part in parts if bar < len(part) for sign in bar_signs(part[bar])]
        for sign in found:
            signs.add(bar, sign)
        _take_jumps(signs, bar, found)
    _tell_codas(signs)
    sections = _sections(signs)
    notices = []
    if signs.guessed and signs.leaps:
        said = ", ".join(dict.fromkeys(f"{text} (bar {bars[bar].number})" for bar, text in sorted(signs.guessed)))
        notices.append(f"read from words or signs alone: {said}")
    return _form(signs, sections), sections, notices


def _take_jumps(signs: _Signs, bar: int, found: list[Sign]) -> None:
    """Take the D.C., D.S., segno, coda, To Coda and Fine of a bar, each once; what has a sound first."""
    found = sorted(found, key=lambda sign: not sign.sound)
    kinds = {sign.kind for sign in found}
    until = "fine" if "al fine" in kinds else "coda" if "al coda" in kinds else ""
    leaps = [sign for sign in found if sign.kind in LEAPS]
    if leaps:
        _take_leap(signs, bar, leaps, until)
    for kind in ONCE:
        ways = [sign for sign in found if sign.kind == kind]
        if kind == "to coda" and not leaps:
            ways += [sign for sign in found if sign.kind == "al coda"]
        hidden = kind == "coda sign" and kinds & {"coda", "to coda"}
        if ways and not hidden:
            _take_place(signs, bar, kind, ways[0])


def _take_leap(signs: _Signs, bar: int, leaps: list[Sign], until: str) -> None:
    """Take a D.C. or D.S.; words of any part that stand with it say how far, and whether with repeats."""
    first = leaps[0]
    alike = [sign.words for sign in leaps if sign.kind == first.kind]
    leap = Leap(
        to_start=first.kind == "dacapo",
        label=next((words.label for words in alike if words.label), ""),
        until=next((words.until for words in alike if words.until), until),
        repeats=next((words.repeats for words in alike if words.repeats is not None), None),
        sure=first.sound,
    )
    point = signs.end(bar, _after_upbeat(signs, bar, first.at))
    if point is not None:
        signs.leaps[point] = leap
        if not first.sound:
            name = "D.C." if leap.to_start else "D.S."
            signs.guessed.append((bar, name + (f" al {leap.until.title()}" if leap.until not in ("", "dance") else "")))


def _take_place(signs: _Signs, bar: int, kind: str, sign: Sign) -> None:
    if kind in BEGINS:
        point = signs.begin(bar, sign.at)
    elif kind == "fine" and sign.sound and sign.at:
        point = signs.end(bar, sign.at)
    elif kind == "coda sign":
        point = (bar, sign.at if sign.at is not None else signs.bars[bar].length)
    else:
        point = signs.end(bar, _after_upbeat(signs, bar, sign.at))
    if point is not None:
        signs.places[kind][point] = sign.words.label
        if not sign.sound and kind in ("fine", "to coda", "coda"):
            signs.guessed.append((bar, kind.title()))


def _after_upbeat(signs: _Signs, bar: int, at: Fraction | None) -> Fraction | None:
    """Return where a jump or Fine inside a bar takes effect: there if the piece's upbeat completes the bar, else None.

    None is the end of the bar: most programs put such words on the last note, not after it.
    """
    first, here = signs.bars[0], signs.bars[bar]
    upbeat = first.length if first.length < first.metre else ZERO
    return at if at and upbeat and at + upbeat == here.metre else None


def _tell_codas(signs: _Signs) -> None:
    """Tell of coda signs without sound or words whether one is To Coda or the coda: of two, the first is To Coda."""
    unknown = sorted(signs.places["coda sign"])
    if signs.places["to coda"] or (signs.places["coda"] and not unknown):
        leaving: list[Point] = []
    elif signs.places["coda"]:
        leaving = [point for point in unknown if point < min(signs.places["coda"])]
    elif len(unknown) % 2:
        leaving = unknown[:-1]
    else:
        leaving = unknown[::2]
    for bar, at in unknown:
        kind = "to coda" if (bar, at) in leaving else "coda"
        point = signs.end(bar, None) if kind == "to coda" else signs.begin(bar, at)
        if point is not None:
            signs.places[kind][point] = ""
            signs.guessed.append((bar, kind.title()))


def _sections(signs: _Signs) -> list[Section]:
    """Divide the bars where signs stand inside them."""
    points: set[Point] = {*signs.forward, *signs.backward, *signs.endings, *signs.stops, *signs.leaps, *signs.trios}
    points |= {point for kind in ("segno", "coda", "to coda", "fine") for point in signs.places[kind]}
    inside: dict[int, set[Fraction]] = {}
    for where, at in points:
        inside.setdefault(where, set()).add(at)
    sections = []
    for number, bar in enumerate(signs.bars):
        cuts = sorted({ZERO, bar.length, *inside.get(number, ())})
        pieces = list(pairwise(cuts)) or [(ZERO, ZERO)]
        sections += [Section(number, *piece) for piece in pieces]
    return sections


def _form(signs: _Signs, sections: list[Section]) -> Form:
    """Return the signs by section."""
    begins = {(section.bar, section.start): i for i, section in enumerate(sections)}
    ends = {(section.bar, section.end): i for i, section in enumerate(sections)}
    stops = sorted(ends[point] + 1 for point in signs.stops)
    starts = sorted((begins[point], numbers) for point, numbers in signs.endings.items())
    for bar, at in signs.backward:  # an ending that only stops, before another: it is the bar of the repeat sign
        following, first = ends[bar, at] + 1, begins[bar, ZERO]
        opened = [each for each, _ in starts if each < following]
        closed = not opened or any(opened[-1] < stop < following for stop in stops)
        if closed and following in stops and any(each == following for each, _ in starts):
            starts = sorted([*starts, (first, ())])
    bounds = [*(first for first, _ in starts[1:]), len(sections)]
    endings = [
        Ending(first, next((stop for stop in stops if first < stop <= bound), None), numbers)
        for (first, numbers), bound in zip(starts, bounds, strict=False)
    ]
    return Form(
        len(sections),
        forward={begins[point] for point in signs.forward},
        backward={ends[point]: sign for point, sign in signs.backward.items()},
        endings=endings,
        segno={begins[point]: label for point, label in signs.places["segno"].items()},
        coda={begins[point]: label for point, label in signs.places["coda"].items()},
        to_coda={ends[point]: label for point, label in signs.places["to coda"].items()},
        fine={ends[point] for point in signs.places["fine"]},
        leaps={ends[point]: leap for point, leap in signs.leaps.items()},
        trios={begins[point] for point in signs.trios},
        openings={begins[bar, ZERO]: anew for bar, anew in _openings(signs).items()},
    )


def _openings(signs: _Signs) -> dict[int, bool]:
    """Return bars that begin a further movement, and whether they are counted anew; not codas, nor after a Fine."""
    ended = {bar for bar, _ in signs.places["fine"]}
    codas = {bar for bar, _ in signs.places["coda"]}
    openings: dict[int, bool] = {}
    for bar in range(1, len(signs.bars)):
        anew = signs.bars[bar].number <= 1 < signs.bars[bar - 1].number
        if anew or (bar - 1 in signs.finals - ended and bar not in codas):
            openings[bar] = anew
    return openings
