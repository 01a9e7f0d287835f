"""Give notes the written length that their duration means, and tuplets their beginning and end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from xml.etree.ElementTree import Element, SubElement

from engine.score.musicxml.normal import exact_number
from engine.score.musicxml.tempo import NOTE_TYPES
from engine.stage.engraving.printing.timeline import PartLine, PlacedNote, notations, put

__all__ = [
    "WrittenLength",
    "add_lengths",
    "add_tuplets",
    "beamable",
    "binary_place",
    "ratio_of",
    "set_length",
    "written_length",
]

GRACE = "eighth"
NAMES = {length: name for name, length in NOTE_TYPES.items()}
RATIOS = (Fraction(1), Fraction(3, 2), Fraction(5, 4), Fraction(7, 4))
MOST_DOTS = 2
WrittenLength = tuple[str, int, int, int]  # type, dots, actual and normal notes


def written_length(quarters: Fraction) -> WrittenLength | None:
    """Return how a length is written, as plain as can be; None where no one note has it.

    >>> written_length(Fraction(3, 4)), written_length(Fraction(1, 3))
    (('eighth', 1, 1, 1), ('eighth', 0, 3, 2))
    """
    for ratio in RATIOS:
        for dots in range(MOST_DOTS + 1 if ratio == 1 else 1):
            base = quarters * ratio / (2 - Fraction(1, 2**dots))
            if base in NAMES:
                return NAMES[base], dots, ratio.numerator, ratio.denominator
    return None


def add_lengths(line: PartLine) -> None:
    """Give every note a type, with dots and a ratio of its tuplet, where it has none."""
    for bar in line.bars:
        for note in bar.notes:
            if note.rest and not note.at and 0 < bar.length <= note.duration and bar.is_whole(line.divisions):
                note.element.find("rest").set("measure", "yes")  # type: ignore[union-attr]
            elif note.element.find("type") is None:
                _add_length(note, line.divisions)


def _add_length(note: PlacedNote, divisions: int) -> None:
    if note.grace:
        put(note.element, "type", GRACE)
        return
    set_length(note.element, Fraction(note.duration, divisions))


def set_length(note: Element, quarters: Fraction) -> None:
    """Write the length of a note, where one note has it."""
    length = written_length(quarters)
    if length is None:
        return
    name, dots, actual, normal = length
    put(note, "type", name)
    for _ in range(dots - len(note.findall("dot"))):
        put(note, "dot")
    if actual != normal and note.find("time-modification") is None:
        ratio = put(note, "time-modification")
        SubElement(ratio, "actual-notes").text = str(actual)
        SubElement(ratio, "normal-notes").text = str(normal)


def ratio_of(note: PlacedNote) -> tuple[int, int]:
    """Return actual and normal notes of the tuplet that a note is in; (1, 1) outside."""
    found = note.element.find("time-modification")
    if found is None:
        return 1, 1
    actual, normal = (exact_number(found.findtext(f"{each}-notes")) for each in ("actual", "normal"))
    return (int(actual), int(normal)) if actual and normal and actual >= 1 and normal >= 1 else (1, 1)


def add_tuplets(line: PartLine) -> None:
    """Say where tuplets begin and end, in a part that gives their ratios alone: an engraver goes by that."""
    if line.has("notations/tuplet"):
        return
    for bar in line.bars:
        for notes in bar.voices().values():
            for group in _tuplets([note for note in notes if not note.chord and not note.grace], line.divisions):
                _mark(group)


def _tuplets(notes: Sequence[PlacedNote], divisions: int) -> Iterator[list[PlacedNote]]:
    """Yield the groups: notes of one ratio that follow each other, until they fill a whole number of their units."""
    group: list[PlacedNote] = []
    for note in notes:
        ratio = ratio_of(note)
        if group and (ratio_of(group[0]) != ratio or group[-1].end != note.at):
            yield group
            group = []
        if ratio == (1, 1):
            continue
        group.append(note)
        if _full(group, ratio, divisions):
            yield group
            group = []
    if group:
        yield group


def _full(group: Sequence[PlacedNote], ratio: tuple[int, int], divisions: int) -> bool:
    """Return whether a group ends with a tuplet: as many of its shortest notes as the ratio says, or a multiple."""
    shortest = min(note.duration for note in group)
    total = sum(note.duration for note in group)
    whole = shortest > 0 and total % (ratio[0] * shortest) == 0
    return whole and binary_place(Fraction(group[-1].end, divisions))


def binary_place(place: Fraction) -> bool:
    """Return whether a place is one that notes without tuplets reach."""
    return place.denominator & (place.denominator - 1) == 0


def _mark(group: Sequence[PlacedNote]) -> None:
    if len(group) < 2:
        return
    first = Element("tuplet", {"type": "start"})
    if all(beamable(note) for note in group):
        first.set("bracket", "no")
    notations(group[0].element).append(first)
    notations(group[-1].element).append(Element("tuplet", {"type": "stop"}))


def beamable(note: PlacedNote) -> bool:
    """Return whether a note is short enough for a beam."""
    length = NOTE_TYPES.get((note.element.findtext("type") or "").strip())
    return not note.rest and length is not None and length < 1
