"""Mend slurs and ties: what an engraver would draw across the page because its end is missing or is another's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from engine.stage.engraving.printing.timeline import PartLine, PlacedNote, notations

__all__ = ["mend_slurs", "mend_ties"]

ENDS = {"stop", "continue"}
LONGEST = 12  # bars under one slur: phrases of eight and a half are drawn


@dataclass(slots=True)
class _End:
    """The beginning or end of a slur at a note."""

    element: Element
    note: PlacedNote
    bar: int
    order: int

    @property
    def when(self) -> tuple[int, int, int]:
        return self.bar, self.note.at, self.order

    @property
    def number(self) -> str:
        return self.element.get("number", "1")


def mend_slurs(line: PartLine) -> None:
    """Number slurs so that no two that are open at a time share a number; take out what has no other end.

    An end belongs to the last beginning of its number and voice; what is left over to one of its number on the same
    staff, of its number, or of its voice.
    """
    ends = sorted(_ends(line), key=lambda end: end.when)
    pairs: list[tuple[_End, _End]] = []
    for alike in (
        lambda end: (end.number, end.note.voice),
        lambda end: (end.number, str(end.note.staff)),
        lambda end: (end.number, ""),
        lambda end: ("", end.note.voice),
    ):
        found = _paired(ends, alike)
        paired = {id(end) for pair in found for end in pair}
        ends = [end for end in ends if id(end) not in paired]
        pairs += found
    for end in ends:
        _take_out(end)
    _number(pairs)


def _paired(ends: Iterable[_End], alike: Callable[[_End], tuple[str, str]]) -> list[tuple[_End, _End]]:
    """Return beginnings with the first end after each, among those that are alike."""
    begun: dict[tuple[str, str], _End] = {}
    pairs = []
    for end in ends:
        kind = end.element.get("type")
        if kind == "start":
            begun[alike(end)] = end
        elif kind == "stop" and (start := begun.pop(alike(end), None)) is not None and end.bar - start.bar <= LONGEST:
            pairs.append((start, end))
    return pairs


def _ends(line: PartLine) -> Iterator[_End]:
    """Yield the ends; at one note those of slurs that stop there come first."""
    for index, bar in enumerate(line.bars):
        for order, note in enumerate(bar.notes):
            for element in note.element.findall("notations/slur"):
                yield _End(element, note, index, 2 * order + (element.get("type") == "start"))


def _number(pairs: Iterable[tuple[_End, _End]]) -> None:
    """Give each slur the lowest number that is free between its ends, in the order of the file."""
    busy: dict[int, tuple[int, int]] = {}
    for pair in sorted(pairs, key=_span):
        first, last = _span(pair)
        number = next(n for n in range(1, len(busy) + 2) if n not in busy or busy[n] < first)
        busy[number] = last
        for each in pair:
            each.element.set("number", str(number))


def _span(pair: tuple[_End, _End]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return bar and place in the file of the ends of a slur, the earlier one first."""
    one, other = ((end.bar, end.order) for end in pair)
    return min(one, other), max(one, other)


def _take_out(end: _End) -> None:
    for marks in end.note.element.findall("notations"):
        if end.element in list(marks):
            marks.remove(end.element)


def mend_ties(line: PartLine) -> None:
    """Draw ties that are only told as sound; take out those that no note of the pitch takes up where they end."""
    tied = [[(note, kinds) for note in bar.notes if (kinds := _ties(note))] for bar in line.bars]
    for index, (bar, notes) in enumerate(zip(line.bars, tied, strict=True)):
        following = tied[index + 1] if index + 1 < len(tied) else []
        taken_up = {(note.at, _pitch(note)) for note, kinds in notes if kinds & ENDS}
        taken_up |= {(note.at + bar.length, _pitch(note)) for note, kinds in following if kinds & ENDS}
        for note, _ in notes:
            _draw_ties(note)
            if not note.grace and (note.end, _pitch(note)) not in taken_up:
                _drop_tie(note)


def _ties(note: PlacedNote) -> set[str]:
    """Return the kinds of ties that a note has: start, stop, continue."""
    found = note.element.findall("tie") + note.element.findall("notations/tied")
    return {each.get("type", "") for each in found}


def _draw_ties(note: PlacedNote) -> None:
    """Draw the ties of a note that only sound."""
    told = [each.get("type", "") for each in note.element.findall("tie")]
    if told and note.element.find("notations/tied") is None:
        for kind in told:
            notations(note.element).append(Element("tied", {"type": kind}))


def _drop_tie(note: PlacedNote) -> None:
    for marks in note.element.findall("notations"):
        for tied in [each for each in marks.findall("tied") if each.get("type") == "start"]:
            marks.remove(tied)


def _pitch(note: PlacedNote) -> tuple[str, ...]:
    return tuple((note.element.findtext(f"pitch/{each}") or "0").strip() for each in ("step", "octave", "alter"))
