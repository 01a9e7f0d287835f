"""Marks in the order of play: the tempo and the pedal of a part, which hold from their place on; rehearsal marks."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple
from xml.etree.ElementTree import Element

from engine.score.musicxml.bars import PartBar, PlacedSign
from engine.score.musicxml.layout import Section, WholeBar
from engine.score.musicxml.normal import exact_number
from engine.score.musicxml.tempo import TempoMark, tempo_mark

__all__ = ["PlayedStep", "played_pedal", "played_rehearsals", "played_tempi"]

Place = tuple[int, Fraction]  # bar, quarters from its beginning
DOWN, UP = 127, 0
PEDAL = {"start": (DOWN,), "resume": (DOWN,), "stop": (UP,), "discontinue": (UP,), "change": (UP, DOWN)}


class PlayedStep(NamedTuple):
    """A section as played, and the quarter at which it begins."""

    quarter: float
    section: int


def played_tempi(
    parts: list[list[PartBar]], bars: list[WholeBar], sections: list[Section], steps: list[PlayedStep]
) -> list[tuple[float, float]]:
    """Return (quarter, quarters a minute) as played: at each jump the tempo in force there holds again."""
    marks = _resolved(_tempo_marks(parts, bars))
    tempi: list[tuple[float, float]] = []
    for quarter, index in _in_force([place for place, _ in marks], sections, steps) if marks else ():
        bpm = marks[max(index, 0)][1]
        if tempi and tempi[-1][0] == quarter:
            tempi.pop()
        if not tempi or bpm != tempi[-1][1]:
            tempi.append((quarter, bpm))
    return tempi


def played_pedal(
    part: list[PartBar], bars: list[WholeBar], sections: list[Section], steps: list[PlayedStep]
) -> list[tuple[float, int]]:
    """Return (quarter, value of the sustain pedal from there on) as played; after a jump that in force there."""
    found = [
        (_place(number, sign, bars), value)
        for number, bar in enumerate(part)
        for sign in bar.signs
        for value in _pedal(sign.element)
    ]
    marks = sorted(found, key=lambda mark: mark[0])
    if not marks:
        return []
    rows = _in_force([place for place, _ in marks], sections, steps)
    return [(quarter, marks[index][1] if index >= 0 else UP) for quarter, index in rows]


def played_rehearsals(
    parts: list[list[PartBar]], bars: list[WholeBar], sections: list[Section], steps: list[PlayedStep]
) -> list[tuple[float, str]]:
    """Return (quarter, text) of the rehearsal marks of all parts as played: one each time that its place is played."""
    found = {
        (_place(number, sign, bars), " ".join("".join(mark.itertext()).split()))
        for part in parts
        for number, bar in enumerate(part)
        for sign in bar.signs
        for mark in sign.element.iterfind("direction-type/rehearsal")
    }
    marks = sorted(mark for mark in found if mark[1])
    places = [place for place, _ in marks]
    rows: list[tuple[float, str]] = []
    for quarter, number in steps:
        bar, start, end = sections[number]
        for i in range(bisect_left(places, (bar, start)), bisect_left(places, (bar, end))):
            rows.append((quarter + float(places[i][1] - start), marks[i][1]))
    return rows


def _in_force(places: list[Place], sections: list[Section], steps: list[PlayedStep]) -> Iterator[tuple[float, int]]:
    """Yield (quarter, mark that holds from there on, -1 before the first) of sorted marks, in the order of play."""
    before = -2
    for quarter, number in steps:
        bar, start, end = sections[number]
        first, last = bisect_left(places, (bar, start)), bisect_left(places, (bar, end))
        if number != before + 1:
            yield quarter, first - 1
        for i in range(first, last):
            yield quarter + float(places[i][1] - start), i
        before = number


def _place(number: int, sign: PlacedSign, bars: list[WholeBar]) -> Place:
    """Return where a sign of a bar holds: at its end that is the beginning of the next."""
    return (number, sign.at) if sign.at < bars[number].length else (number + 1, Fraction(0))


def _tempo_marks(parts: list[list[PartBar]], bars: list[WholeBar]) -> list[tuple[Place, TempoMark]]:
    """Return the tempo marks of all parts, one at each place; a `<sound>` counts first, then the upper part."""
    marks: dict[Place, TempoMark] = {}
    for part in parts:
        for number, bar in enumerate(part):
            for sign in bar.signs:
                mark = tempo_mark(sign.element)
                place = _place(number, sign, bars)
                known = marks.get(place)
                if mark is not None and (known is None or (mark.played and not known.played)):
                    marks[place] = mark
    return sorted(marks.items())


def _resolved(marks: list[tuple[Place, TempoMark]]) -> list[tuple[Place, float]]:
    """Return the tempo of each mark, quarters a minute; factors apply to the one before."""
    out: list[tuple[Place, float]] = []
    for place, mark in marks:
        bpm = mark.bpm or (out[-1][1] * mark.factor if out else 0.0)
        if bpm:
            out.append((place, bpm))
    return out


def _pedal(element: Element) -> Sequence[int]:
    """Return the values that the sustain pedal takes at a direction or sound; a `<sound>` counts before the sign."""
    sounds = [element] if element.tag == "sound" else element.findall("sound")
    told = next((sound.get("damper-pedal", "") for sound in sounds if sound.get("damper-pedal")), "")
    signs = [value for sign in element.iter("pedal") for value in PEDAL.get(sign.get("type", ""), ())]
    if not told or len(signs) > 1:  # a change is more than the sound can say
        return signs
    percent = {"yes": Fraction(100), "no": Fraction(0)}.get(told.strip().lower(), exact_number(told))
    return signs if percent is None else (min(max(round(DOWN * percent / 100), UP), DOWN),)
