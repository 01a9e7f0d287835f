"""The bars of one part as a row of timed elements, in whole divisions, so that they can be mended in place."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from xml.etree.ElementTree import Element, SubElement

from engine.score.musicxml.layout import WholeBar

__all__ = ["Metre", "PartLine", "PlacedNote", "PrintedBar", "move_element", "notations", "put", "read_line"]

FIRST_VOICE = "1"
ORDER = (  # of the children of a note that are put in
    *("grace", "chord", "pitch", "unpitched", "rest", "cue", "duration", "tie", "instrument", "voice", "type", "dot"),
    *("accidental", "time-modification", "stem", "notehead", "staff", "beam", "notations", "lyric", "play", "listen"),
)
FINEST = 1 << 16  # divisions of a quarter: past that a part keeps its own


@dataclass(frozen=True, slots=True)
class Metre:
    """A time signature: groups of beats (3+2 has two), and their unit."""

    beats: tuple[int, ...]
    unit: int

    @property
    def quarters(self) -> Fraction:
        """Return the length of a bar."""
        return Fraction(4 * sum(self.beats), self.unit)


@dataclass(slots=True)
class PlacedNote:
    """A `<note>`: its place in the bar and length in divisions, 0 of grace notes."""

    element: Element
    at: int
    duration: int
    voice: str
    staff: int
    chord: bool
    grace: bool
    rest: bool

    @property
    def end(self) -> int:
        """Return where it ends."""
        return self.at + self.duration


@dataclass(slots=True)
class PrintedBar:
    """A bar of a part.

    length: of the bar in all parts, divisions
    upbeat: whether it is the piece's first, or is not counted, so that what it lacks is at its beginning
    fifths: key by staff, 0 for all; changes: (place, staff, fifths) inside it
    """

    measure: Element
    length: int
    upbeat: bool
    metre: Metre | None
    fifths: dict[int, int]
    changes: list[tuple[int, int, int]] = field(default_factory=list)
    notes: list[PlacedNote] = field(default_factory=list)

    def is_whole(self, divisions: int) -> bool:
        """Return whether it is as long as its time signature says, or has none."""
        return self.metre is None or self.length == self.metre.quarters * divisions

    def voices(self) -> dict[str, list[PlacedNote]]:
        """Return the notes of each voice, in the order of time."""
        found: dict[str, list[PlacedNote]] = {}
        for note in self.notes:
            found.setdefault(note.voice, []).append(note)
        return {voice: sorted(notes, key=lambda note: note.at) for voice, notes in found.items()}


@dataclass(slots=True)
class PartLine:
    """A part: divisions of a quarter, staves, bars."""

    element: Element
    divisions: int
    n_staves: int
    bars: list[PrintedBar]

    def notes(self) -> Iterator[PlacedNote]:
        """Yield all notes, bar by bar, in the order of the file."""
        for bar in self.bars:
            yield from bar.notes

    def has(self, path: str) -> bool:
        """Return whether any note has such an element."""
        return any(note.element.find(path) is not None for note in self.notes())


def read_line(part: Element, bars: Sequence[WholeBar]) -> PartLine:
    """Return the bars of a part of a normalised score; a part that counts in several divisions is made to count in one.

    bars: of the whole score, whose lengths they have
    """
    divisions = _one_division(part)
    staves = [int(text) for text in (_text(each) for each in part.iter("staves")) if text.isdecimal()]
    reader = _LineReader(divisions)
    printed = [
        reader.read(measure, round(bar.length * divisions), bar.implicit or not index)
        for index, (measure, bar) in enumerate(zip(part.findall("measure"), bars, strict=False))
    ]
    return PartLine(part, divisions, max(staves, default=1), printed)


def _one_division(part: Element) -> int:
    """Write all durations of a part in its finest common divisions; return them."""
    found = {int(_text(each) or 1) for each in part.iter("divisions")} or {1}
    common = math.lcm(*found)
    if len(found) == 1 or common > FINEST:
        return next(iter(found)) if len(found) == 1 else max(found)
    now = 1
    for measure in part.findall("measure"):
        for element in measure.iter():
            if element.tag == "divisions":
                now = int(_text(element) or 1)
                element.text = str(common)
            elif element.tag in ("duration", "offset"):
                element.text = str(int(Fraction(_text(element) or "0") * common / now))
    return common


@dataclass(slots=True)
class _LineReader:
    """What holds from bar to bar."""

    divisions: int
    metre: Metre | None = None
    fifths: dict[int, int] = field(default_factory=dict)

    def read(self, measure: Element, length: int, upbeat: bool) -> PrintedBar:
        """Read the next bar."""
        bar = PrintedBar(measure, length, upbeat, self.metre, dict(self.fifths))
        at = before = 0
        for child in measure:
            if child.tag == "note":
                note = _placed(child, at, before, bool(bar.notes))
                bar.notes.append(note)
                before = note.at
                at += 0 if note.chord else note.duration
            elif child.tag == "backup":
                at = max(at - _duration(child), 0)
            elif child.tag == "forward":
                at += _duration(child)
            elif child.tag == "attributes":
                self._attributes(child, bar, at)
        return bar

    def _attributes(self, element: Element, bar: PrintedBar, at: int) -> None:
        if (time := element.find("time")) is not None:
            self.metre = _metre(time)
            if not bar.notes:
                bar.metre = self.metre
        for key in element.findall("key"):
            text = (key.findtext("fifths") or "0").strip()
            fifths = int(text) if text.lstrip("+-").isdecimal() else 0
            staff = int(key.get("number", "0")) if key.get("number", "0").isdecimal() else 0
            if not staff:
                self.fifths.clear()
            self.fifths[staff] = fifths
            bar.changes.append((at, staff, fifths))


def _placed(note: Element, at: int, before: int, begun: bool) -> PlacedNote:
    chord = note.find("chord") is not None and begun
    grace = note.find("grace") is not None
    staff = (note.findtext("staff") or "1").strip()
    return PlacedNote(
        element=note,
        at=before if chord else at,
        duration=0 if grace else _duration(note),
        voice=(note.findtext("voice") or FIRST_VOICE).strip(),
        staff=int(staff) if staff.isdecimal() else 1,
        chord=chord,
        grace=grace,
        rest=note.find("rest") is not None,
    )


def _duration(element: Element) -> int:
    return int((element.findtext("duration") or "0").strip() or 0)


def _metre(time: Element) -> Metre | None:
    beats, unit = (time.findtext("beats") or "").strip(), (time.findtext("beat-type") or "").strip()
    groups = [each.strip() for each in beats.split("+")]
    if not unit.isdecimal() or not all(each.isdecimal() for each in groups) or not int(unit):
        return None
    return Metre(tuple(map(int, groups)), int(unit))


def _text(element: Element) -> str:
    return (element.text or "").strip()


def put(note: Element, tag: str, text: str | None = None, **attributes: str) -> Element:
    """Add a child to a `<note>` where the schema wants it, and return it."""
    child = Element(tag, attributes)
    child.text = text
    rank = ORDER.index(tag)
    later = ORDER[rank + 1 :]
    place = next((i for i, other in enumerate(note) if other.tag in later), len(note))
    note.insert(place, child)
    return child


def notations(note: Element) -> Element:
    """Return the notations of a note, made if there are none."""
    found = note.find("notations")
    return put(note, "notations") if found is None else found


def move_element(kind: str, duration: int) -> Element:
    """Return a `backup` or `forward`."""
    element = Element(kind)
    SubElement(element, "duration").text = str(duration)
    return element
