"""Fill with rests what a staff leaves empty."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from xml.etree.ElementTree import Element, SubElement

from engine.score.musicxml.tempo import NOTE_TYPES
from engine.score.parts import beat_length
from engine.stage.engraving.printing.lengths import binary_place, set_length, written_length
from engine.stage.engraving.printing.order import rewrite_bar
from engine.stage.engraving.printing.timeline import Metre, PartLine, PlacedNote, PrintedBar

__all__ = ["add_rests", "rest_lengths"]

LENGTHS = sorted((length for length in NOTE_TYPES.values() if Fraction(1, 64) <= length <= 4), reverse=True)
FREE_VOICE = 90  # of a rest where no voice is at home
Span = tuple[int, int]


def add_rests(line: PartLine) -> None:
    """Put rests where no voice of a staff says anything, and a bar rest where a staff is empty."""
    homes = _homes(line)
    own = line.has("rest")
    for bar in line.bars:
        staves = range(1, line.n_staves + 1)
        added = [note for staff in staves for note in _rests(bar, staff, homes, line.divisions, own)]
        bar.notes += added
        completing = [note for notes in bar.voices().values() for note in _tuplet_rests(notes, bar, line.divisions)]
        bar.notes += completing
        if added or completing:
            rewrite_bar(bar, [*added, *completing])


def _homes(line: PartLine) -> dict[str, int]:
    """Return the staff on which each voice has most of its notes."""
    count: dict[str, dict[int, int]] = {}
    for note in line.notes():
        staves = count.setdefault(note.voice, {})
        staves[note.staff] = staves.get(note.staff, 0) + 1
    return {voice: max(staves, key=lambda staff: staves[staff]) for voice, staves in count.items()}


def _rests(bar: PrintedBar, staff: int, homes: dict[str, int], divisions: int, own: bool) -> Iterator[PlacedNote]:
    """Yield the rests of a staff: where no note is on it, and none of its voices is on another staff.

    own: whether the file has rests, so that an empty staff whose voice is on another one is meant to be so
    """
    on_it = [note for note in bar.notes if note.staff == staff]
    elsewhere = [note for note in bar.notes if note.staff != staff and homes[note.voice] == staff]
    covering = [*on_it, *elsewhere] if on_it or own else []
    voice = _voice(bar, covering, staff, homes)
    whole = bar.metre.quarters * divisions if bar.metre is not None else bar.length
    if not covering and bar.length == whole:
        rest = _rest(0, bar.length, voice, staff)
        rest.element[0].set("measure", "yes")
        yield rest
        return
    shift = whole - bar.length if bar.upbeat and whole > bar.length else 0
    for start, stop in _gaps(covering, bar.length):
        at = start
        first, last = (Fraction(each + shift) / divisions for each in (start, stop))
        for quarters in rest_lengths(first, last, bar.metre):
            yield _written_rest(at, quarters, divisions, (voice, staff))
            at += int(quarters * divisions)


def _tuplet_rests(notes: list[PlacedNote], bar: PrintedBar, divisions: int) -> Iterator[PlacedNote]:
    """Yield the rests that a voice lacks inside a tuplet, although another voice sounds there."""
    for start, stop in _gaps(notes, bar.length):
        first, last = (Fraction(each, divisions) for each in (start, stop))
        near = min(notes, key=lambda note: abs(note.at - start))
        if not binary_place(first):  # to the next beat, or to the note before it
            length = min(last, Fraction(math.ceil(first))) - first
            if written_length(length) is not None:
                yield _written_rest(start, length, divisions, (near.voice, near.staff))
                first += length
        if not binary_place(last) and first < last:  # from the beat before
            begin = max(first, Fraction(math.floor(last)))
            if written_length(last - begin) is not None:
                yield _written_rest(int(begin * divisions), last - begin, divisions, (near.voice, near.staff))


def _written_rest(at: int, quarters: Fraction, divisions: int, place: tuple[str, int]) -> PlacedNote:
    """Return a rest with its written length; place: voice and staff."""
    rest = _rest(at, int(quarters * divisions), *place)
    set_length(rest.element, quarters)
    return rest


def _voice(bar: PrintedBar, covering: list[PlacedNote], staff: int, homes: dict[str, int]) -> str:
    """Return the voice that a rest belongs to: the first on the staff, else one at home there, else a new one."""
    on_it = [note.voice for note in covering if note.staff == staff]
    busy = {note.voice for note in bar.notes}
    at_home = [voice for voice, home in homes.items() if home == staff and voice not in busy]
    return next(iter([*on_it, *at_home]), str(FREE_VOICE + staff))


def _gaps(covering: Iterable[PlacedNote], length: int) -> Iterator[Span]:
    """Yield the spans of a bar in which nothing sounds and no rest stands."""
    at = 0
    for start, stop in sorted((note.at, note.end) for note in covering):
        if start > at:
            yield at, start
        at = max(at, stop)
    if at < length:
        yield at, length


def _rest(at: int, duration: int, voice: str, staff: int) -> PlacedNote:
    element = Element("note")
    SubElement(element, "rest")
    for tag, text in (("duration", str(duration)), ("voice", voice), ("staff", str(staff))):
        SubElement(element, tag).text = text
    return PlacedNote(element, at, duration, voice, staff, chord=False, grace=False, rest=True)


def rest_lengths(start: Fraction, stop: Fraction, metre: Metre | None) -> list[Fraction]:
    """Return the rests that fill a gap of a bar, quarters: on the beats, and none across a beat it does not begin with.

    Empty where they cannot be written.

    >>> [str(each) for each in rest_lengths(Fraction(1, 2), Fraction(4), Metre((4,), 4))]
    ['1/2', '1', '2']
    """
    rests: list[Fraction] = []
    beat = beat_length(sum(metre.beats), metre.unit) if metre is not None else Fraction(1)
    while start < stop:
        length = _next_rest(start, stop, beat, metre)
        if not length:
            return []
        rests.append(length)
        start += length
    return rests


def _next_rest(start: Fraction, stop: Fraction, beat: Fraction, metre: Metre | None) -> Fraction:
    within = start % beat
    if not within and stop - start >= beat:  # whole beats
        even = metre is not None and sum(metre.beats) % 2 == 0 and beat.numerator != 3
        fits = [n * beat for n in (4, 2) if even and start % (n * beat) == 0 and start + n * beat <= stop]
        return fits[0] if fits else beat
    end = min(stop, start - within + beat)
    if not (binary_place(start) and binary_place(end)):
        return end - start if written_length(end - start) is not None else Fraction(0)
    fits = [length for length in LENGTHS if within % length == 0 and start + length <= end]
    return fits[0] if fits else Fraction(0)
