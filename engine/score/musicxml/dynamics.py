"""How loud the notes of a part are, as MIDI velocities: by dynamics, hairpins, accents, `<sound>` and `<note>`.

Levels are those of MuseScore's playback; `<sound dynamics>` and `<note dynamics>` are percent of velocity 90, as
MusicXML defines them. A mark holds for every staff of its part, as on a keyboard, but for a staff with a mark of its
own at that place.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple, TypeVar
from xml.etree.ElementTree import Element

from engine.score.musicxml.bars import PartBar, WrittenNote
from engine.score.musicxml.normal import exact_number

__all__ = ["DEFAULT_VELOCITY", "set_velocities"]

DEFAULT_VELOCITY = 80  # mf, where nothing is marked
FORTE = Fraction(90)  # velocity of 100 percent
LOUDEST = 127
STEP = 16  # of a hairpin that leads to no mark: about one mark
LEAD = Fraction(1)  # quarters after a hairpin in which the mark stands that it leads to
LEVELS = {"n": 1, "ppppp": 5, "pppp": 10, "ppp": 16, "pp": 33, "p": 49, "mp": 64, "mf": 80, "f": 96, "ff": 112}
LEVELS |= {"pppppp": 3, "fff": 126, "ffff": 127, "fffff": 127, "ffffff": 127}
STROKES = {  # of the notes at that place alone, and the level from there on; 0 leaves it
    **dict.fromkeys(("sf", "sfz", "fz", "rf", "rfz"), (112, 0)),
    "sffz": (126, 0),
    "fp": (96, 49),
    "pf": (49, 96),
    "sfp": (112, 49),
    "sfzp": (112, 49),
    "sfpp": (112, 33),
}
LOUDER = re.compile(r"(poco a poco |sempre |molto |poco )*cresc")
SOFTER = re.compile(r"(poco a poco |sempre |molto |poco )*(dim|decresc|calando|morendo|smorz)")


class _Mark(NamedTuple):
    """Velocity from a place on, and of the notes there alone; 0 where it says neither."""

    at: Fraction
    staff: str
    level: int
    stroke: int = 0


class _Hairpin(NamedTuple):
    """From a place to another, both in quarters of the printed piece; step is 1 for louder, -1 for softer."""

    at: Fraction
    staff: str
    end: Fraction
    step: int
    niente: bool = False


class _Slope(NamedTuple):
    """Velocity from a place on: it moves evenly until another, and stays."""

    at: Fraction
    level: float
    end: Fraction
    target: float

    def velocity(self, at: Fraction) -> float:
        """Return the velocity at a place behind its beginning."""
        if at >= self.end:
            return self.target
        return self.level + (self.target - self.level) * float((at - self.at) / (self.end - self.at))


Placed = TypeVar("Placed", _Mark, _Hairpin)


def set_velocities(part: Sequence[PartBar], lengths: Iterable[Fraction]) -> None:
    """Give every note of a part its velocity.

    lengths: of the bars of the whole score, quarters
    """
    starts = [Fraction(0)]
    for length in lengths:
        starts.append(starts[-1] + length)
    marks, hairpins = _read(part, starts)
    staves = {note.staff for bar in part for note in bar.notes}
    curves = {staff: _Curve(_of_staff(marks, staff), _of_staff(hairpins, staff)) for staff in staves}
    for bar, start in zip(part, starts, strict=False):
        bar.notes = [note._replace(velocity=curves[note.staff].velocity(note, start)) for note in bar.notes]


def _of_staff(placed: Sequence[Placed], staff: str) -> list[Placed]:
    """Return what holds for a staff, by place: at each what is its own, else what another has."""
    chosen: dict[Fraction, Placed] = {}
    for each in placed:
        known = chosen.get(each.at)
        if known is None or (each.staff == staff and known.staff != staff):
            chosen[each.at] = each
    return [chosen[at] for at in sorted(chosen)]


class _Curve:
    """The velocities of one staff."""

    def __init__(self, marks: Sequence[_Mark], hairpins: Sequence[_Hairpin]) -> None:
        self._strokes = {mark.at: mark.stroke for mark in marks if mark.stroke}
        self._levels = [mark for mark in marks if mark.level]
        self._slopes = [_Slope(Fraction(-1), DEFAULT_VELOCITY, Fraction(-1), DEFAULT_VELOCITY)]
        placed: list[_Mark | _Hairpin] = [*self._levels, *hairpins]
        for each in sorted(placed, key=lambda each: (each.at, isinstance(each, _Hairpin))):
            self._slopes.append(self._slope(each))
        self._places = [slope.at for slope in self._slopes]

    def _slope(self, each: _Mark | _Hairpin) -> _Slope:
        if isinstance(each, _Mark):
            return _Slope(each.at, each.level, each.at, each.level)
        level = self._slopes[-1].velocity(each.at)
        return _Slope(each.at, level, max(each.end, each.at), self._target(each, level))

    def _target(self, hairpin: _Hairpin, level: float) -> float:
        """Return where a hairpin leads: the mark at its end, if that lies in its direction."""
        for mark in self._levels:
            if hairpin.at < mark.at and hairpin.end <= mark.at <= hairpin.end + LEAD:
                if (mark.level - level) * hairpin.step > 0:
                    return mark.level
                break
        return 1 if hairpin.niente else min(max(level + STEP * hairpin.step, 1), LOUDEST)

    def velocity(self, note: WrittenNote, start: Fraction) -> int:
        """Return the velocity of a note in a bar that begins at `start`."""
        at = start + note.start
        level = self._strokes.get(at) or self._slopes[bisect_right(self._places, at) - 1].velocity(at)
        return min(max(round((note.velocity or level) * note.accent), 1), LOUDEST)


def _read(part: Sequence[PartBar], starts: Sequence[Fraction]) -> tuple[list[_Mark], list[_Hairpin]]:
    """Return the marks and hairpins of a part, in the order of the file."""
    marks: list[_Mark] = []
    hairpins: list[_Hairpin] = []
    begun: dict[tuple[str, str], _Hairpin] = {}
    for bar, start in zip(part, starts, strict=False):
        for sign in bar.signs:
            at, staff = start + sign.at, (sign.element.findtext("staff") or "").strip()
            marks += [_Mark(at, staff, *level) for level in _levels(sign.element)]
            for key, kind, niente in _ways(sign.element):
                if key in begun:
                    hairpins.append(begun.pop(key)._replace(end=at))
                if kind:
                    begun[key] = _Hairpin(at, staff, at, kind, niente)
    return marks, [*hairpins, *_open_ended(begun.values(), marks)]


def _open_ended(begun: Iterable[_Hairpin], marks: Sequence[_Mark]) -> Iterator[_Hairpin]:
    """Yield what was never ended, such as the word cresc.: it leads to the next mark, if there is one."""
    for each in begun:
        following = [mark.at for mark in marks if mark.at > each.at and mark.level]
        if following:
            yield each._replace(end=min(following))


def _levels(element: Element) -> Iterator[tuple[int, int]]:
    """Yield level and stroke of a direction or sound, if it has any; a `<sound>` counts before the sign."""
    signs = [sign for found in element.iter("dynamics") for sign in found]
    names = [(sign.text or "").strip() if sign.tag == "other-dynamics" else sign.tag for sign in signs]
    stroke = next((STROKES[name] for name in names if name in STROKES), None)
    if stroke is not None:
        yield stroke[1], stroke[0]
        return
    sounds = [element] if element.tag == "sound" else element.findall("sound")
    told = [exact_number(sound.get("dynamics")) for sound in sounds]
    level = next((min(round(FORTE * percent / 100), LOUDEST) for percent in told if percent is not None), None)
    if level is None:
        level = next((LEVELS[name] for name in names if name in LEVELS), None)
    if level is not None:
        yield max(level, 1), 0


def _ways(element: Element) -> Iterator[tuple[tuple[str, str], int, bool]]:
    """Yield the hairpins, and words like them, that begin or end here: a key, the step (0: an end), and niente."""
    words = 0
    for kind in element.iter("direction-type"):
        for child in kind:
            number = child.get("number", "1")
            if child.tag == "wedge":
                step = {"crescendo": 1, "diminuendo": -1, "stop": 0}.get(child.get("type", ""))
                if step is not None:
                    yield ("wedge", number), step, child.get("niente") == "yes" and step < 0
            elif child.tag == "words":
                text = " ".join((child.text or "").casefold().split())
                words = 1 if LOUDER.match(text) else -1 if SOFTER.match(text) else words
            elif child.tag == "dashes" and child.get("type") == "stop":
                yield ("words", ""), 0, False
    if words:
        yield ("words", ""), words, False
