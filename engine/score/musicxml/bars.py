"""Read the bars of one part: notes at sounding pitch, how far the music of a bar reaches, and the signs in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple
from xml.etree.ElementTree import Element

from engine.score.musicxml.normal import NOTE_ID, exact_number
from engine.score.musicxml.pitch import Transposition, transposition, written_pitch
from engine.score.musicxml.tempo import NOTE_TYPES
from engine.score.parts import beat_length

__all__ = ["PartBar", "PlacedSign", "WrittenNote", "read_part"]

ZERO = Fraction(0)
ALL_STAVES = "0"
SIGNS = ("barline", "direction", "sound")
DRUM_CHANNEL = "10"
FORTE = 90  # velocity of 100 percent
ACCENTS = {"accent": 1.2, "strong-accent": 1.35}  # factors on the velocity
GATES = {"staccato": 0.5, "staccatissimo": 0.33, "spiccato": 0.5, "detached-legato": 0.75}  # shares of the length
PORTATO = 0.75


class WrittenNote(NamedTuple):
    """A note of a bar: quarters from its beginning, duration in quarters (grace notes 0), sounding MIDI number.

    id: number of the `<note>`
    tied_from, tied_to: whether a tie ends and begins at it
    accent: factor on its velocity
    gate: share of its length that it sounds
    velocity: its own, 0 where it has none: then `set_velocities` gives it one
    """

    start: Fraction
    duration: Fraction
    pitch: int
    id: int
    voice: str
    tied_from: bool
    tied_to: bool
    staff: str = "1"
    accent: float = 1.0
    gate: float = 1.0
    velocity: int = 0


class PlacedSign(NamedTuple):
    """A barline, direction or sound: quarters from the beginning of the bar, and whether a note stands before it."""

    at: Fraction
    element: Element
    begun: bool


@dataclass(slots=True)
class PartBar:
    """A bar of one part.

    reach: how far its notes, rests and gaps reach, quarters
    rest: length of a rest over the whole bar, quarters
    metre: length of a bar by the time signature, quarters; 0 where none is told
    fermatas: where the notes and rests under one begin, quarters
    beat: length of its beats, quarters
    """

    number: str
    implicit: bool
    notes: list[WrittenNote] = field(default_factory=list)
    signs: list[PlacedSign] = field(default_factory=list)
    reach: Fraction = ZERO
    rest: Fraction = ZERO
    metre: Fraction = ZERO
    fermatas: list[Fraction] = field(default_factory=list)
    beat: Fraction = Fraction(1)


def read_part(where: str, part: Element, listed: Element | None) -> tuple[list[PartBar], int]:
    """Return the bars of a part of a normalised score, and how many unpitched notes were left out.

    listed: its entry in the list of parts
    """
    reader = _Reader(where, part.get("id", ""), _is_drums(listed))
    bars = [reader.read(measure) for measure in part.findall("measure")]
    return bars, reader.n_unpitched


def _is_drums(listed: Element | None) -> bool:
    """Return whether all instruments of a part play on the MIDI channel of the drums."""
    channels = [] if listed is None else [(each.text or "").strip() for each in listed.iter("midi-channel")]
    return bool(channels) and set(channels) == {DRUM_CHANNEL}


@dataclass(slots=True)
class _Reader:
    """What holds from bar to bar, and where the reading is."""

    where: str
    part: str
    drums: bool
    n_unpitched: int = 0
    divisions: int = 1
    metre: Fraction = ZERO
    beat: Fraction = Fraction(1)
    repeated: int = 0
    transpositions: dict[str, Transposition] = field(default_factory=dict)
    bars: list[PartBar] = field(default_factory=list)
    bar: PartBar = field(default_factory=lambda: PartBar("", False))
    at: Fraction = ZERO
    before: Fraction = ZERO
    begun: bool = False

    def read(self, measure: Element) -> PartBar:
        """Read the next bar."""
        self.bar = PartBar(measure.get("number", ""), measure.get("implicit") == "yes")
        self.bar.metre, self.bar.beat = self.metre, self.beat
        self.at, self.before, self.begun = ZERO, ZERO, False
        for child in measure:
            self._child(child)
        if self.repeated and not self.bar.notes and len(self.bars) >= self.repeated:
            like = self.bars[-self.repeated]
            self.bar.notes, self.bar.reach = list(like.notes), max(self.bar.reach, like.reach)
        self.bars.append(self.bar)
        return self.bar

    def _child(self, child: Element) -> None:
        if child.tag == "note":
            self._note(child)
        elif child.tag == "backup":
            self.at = max(self.at - self._length(child), ZERO)
        elif child.tag == "forward":
            self.at += self._length(child)
            self.bar.reach = max(self.bar.reach, self.at)
        elif child.tag == "attributes":
            self._attributes(child)
        elif child.tag in SIGNS:
            if child.find("fermata") is not None:  # of a bar line: what is before it is held
                self.bar.fermatas.append(self.before)
            self.bar.signs.append(PlacedSign(max(self.at + self._offset(child), ZERO), child, self.begun))

    def _length(self, element: Element) -> Fraction:
        return _quarters(element.findtext("duration", "0"), self.divisions)

    def _offset(self, element: Element) -> Fraction:
        """Return the offset of a direction, where it is meant for playback; a `<sound>` always means it."""
        offset = element.find("offset")
        if offset is None or not (element.tag == "sound" or offset.get("sound") == "yes"):
            return ZERO
        return Fraction(int(offset.text or "0"), self.divisions)

    def _attributes(self, element: Element) -> None:
        if (divisions := element.findtext("divisions")) is not None:
            self.divisions = int(divisions)
        if (time := element.find("time")) is not None:
            self.metre, self.beat = _metre(time), _beat(time)
            if not self.begun:
                self.bar.metre, self.bar.beat = self.metre, self.beat
        for each in element.findall("transpose"):
            staff = each.get("number", ALL_STAVES)
            if staff == ALL_STAVES:
                self.transpositions.clear()
            self.transpositions[staff] = transposition(each)
        for each in element.findall("measure-style/measure-repeat"):
            bars = exact_number(each.text) or Fraction(1)
            self.repeated = int(bars) if each.get("type") == "start" else 0

    def _note(self, note: Element) -> None:
        chord = note.find("chord") is not None and self.begun
        start = self.before if chord else self.at
        duration = ZERO if note.find("grace") is not None else self._duration(note)
        self.before, self.begun = start, True
        notations = note.findall("notations")
        if any(each.find("fermata") is not None for each in notations):
            self.bar.fermatas.append(start)
        rest = note.find("rest")
        if rest is not None and rest.get("measure") == "yes":
            self.bar.rest = max(self.bar.rest, start + duration)
        else:
            self.bar.reach = max(self.bar.reach, start + duration)
        if not chord:
            self.at += duration
        if note.find("cue") is not None or rest is not None:
            return
        if note.find("unpitched") is not None or (self.drums and note.find("pitch") is not None):
            self.n_unpitched += 1
        elif note.find("pitch") is not None:
            self._sound(note, start, duration, notations)

    def _sound(self, note: Element, start: Fraction, duration: Fraction, notations: list[Element]) -> None:
        written = written_pitch(f"{self.where}, part {self.part}, bar {self.bar.number}", note)
        staff = (note.findtext("staff") or "1").strip()
        by = self.transpositions.get(staff) or self.transpositions.get(ALL_STAVES) or Transposition()
        ties = {each.get("type") for each in note.findall("tie")}
        ties |= {each.get("type") for inside in notations for each in inside.findall("tied")}
        marks = {each.tag for inside in notations for kind in inside.findall("articulations") for each in kind}
        sounding = WrittenNote(
            start=start,
            duration=duration,
            pitch=written + by.semitones,
            id=int(note.get("id", "").removeprefix(NOTE_ID)),
            voice=(note.findtext("voice") or "").strip(),
            tied_from=bool(ties & {"stop", "continue"}),
            tied_to=bool(ties & {"start", "continue"}),
            staff=staff,
            accent=max((ACCENTS.get(mark, 1.0) for mark in marks), default=1.0),
            gate=PORTATO if marks >= {"staccato", "tenuto"} else min((GATES.get(m, 1.0) for m in marks), default=1.0),
            velocity=_own_velocity(note),
        )
        self.bar.notes.append(sounding)
        if by.doubled:
            self.bar.notes.append(sounding._replace(pitch=sounding.pitch + by.doubled))

    def _duration(self, note: Element) -> Fraction:
        """Return the duration of a note, quarters; that of its type where none is told."""
        if note.find("duration") is not None:
            return self._length(note)
        length = NOTE_TYPES.get((note.findtext("type") or "").strip(), ZERO)
        length *= 2 - Fraction(1, 2 ** len(note.findall("dot")))
        actual, normal = (
            exact_number(note.findtext(f"time-modification/{each}-notes")) for each in ("actual", "normal")
        )
        return length * normal / actual if actual and normal else length


@lru_cache(maxsize=4096)
def _quarters(duration: str, divisions: int) -> Fraction:
    return Fraction(int(duration), divisions)


def _own_velocity(note: Element) -> int:
    """Return what a note's `dynamics`, percent of velocity 90, gives; 0 where it has none."""
    percent = exact_number(note.get("dynamics"))
    return 0 if percent is None else min(max(round(FORTE * percent / 100), 1), 127)


def _metre(time: Element) -> Fraction:
    """Return the length of a bar, quarters, of such as 3/4, 3+2/8 or 2/4 + 3/8; 0 where there is no measure."""
    total = ZERO
    for beats, unit in zip(time.findall("beats"), time.findall("beat-type"), strict=False):
        value = exact_number(unit.text)
        count = sum(filter(None, map(exact_number, (beats.text or "").split("+"))))
        total += 4 * Fraction(count) / value if value and value > 0 else ZERO
    return total


def _beat(time: Element) -> Fraction:
    """Return the length of a beat, quarters: that of the signature's unit, in 6/8, 9/8 and 12/8 three of them."""
    value = exact_number(time.findtext("beat-type"))
    beats = exact_number(time.findtext("beats"))
    return beat_length(int(beats or 0), int(value or 4))
