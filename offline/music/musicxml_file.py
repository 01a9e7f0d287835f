"""Write music as MusicXML: parts with voices, ties, repeats and da capo; any rows of notes on a grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

__all__ = ["DIVISIONS", "Printed", "write_printed"]

NoteRow = tuple[float, float, int, int]  # onset and duration in quarters, MIDI pitch, velocity
Chord = tuple[int, int, tuple[int, ...]]  # onset and duration in divisions, pitches

DIVISIONS = 24  # a quarter: thirds, sixths and eighths of it fall on the grid
STEPS = ["C", "C", "D", "E", "E", "F", "F", "G", "A", "A", "B", "B"]
ALTERS = (0, 1, 0, -1, 0, 0, 1, 0, -1, 0, -1, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """Music as it is printed, repeats not played out.

    parts: rows of notes by the part's name, from quarter 0
    beats: quarters a bar
    n_bars: bars
    bpm: quarters a minute
    repeat: first bar of a repeated section and the bar after it, counted from 0
    fine: bar after which Fine stands; D.C. al Fine at the end
    """

    parts: Mapping[str, Sequence[NoteRow]]
    beats: int
    n_bars: int
    bpm: float
    repeat: tuple[int, int] | None = None
    fine: int | None = None


def write_printed(path: Path, printed: Printed) -> None:
    """Write a partwise score with a piano staff's clef left to the reader."""
    root = Element("score-partwise", version="4.0")
    names = SubElement(root, "part-list")
    for number, name in enumerate(printed.parts, 1):
        SubElement(SubElement(names, "score-part", id=f"P{number}"), "part-name").text = name
    for number, rows in enumerate(printed.parts.values(), 1):
        part, voices = SubElement(root, "part", id=f"P{number}"), _voices(rows)
        for bar in range(printed.n_bars):
            _measure(part, voices, printed, bar)
    indent(root)
    ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _voices(rows: Sequence[NoteRow]) -> list[list[Chord]]:
    """Return chords in as few voices as they need, so that in none of them two overlap."""
    together: dict[tuple[int, int], set[int]] = {}
    for quarter, duration, pitch, _ in rows:
        key = round(DIVISIONS * quarter), max(1, round(DIVISIONS * duration))
        together.setdefault(key, set()).add(pitch)
    voices: list[list[Chord]] = []
    for (onset, duration), pitches in sorted(together.items()):
        free = next((v for v in voices if v[-1][0] + v[-1][1] <= onset), None)
        if free is None:
            voices.append(free := [])
        free.append((onset, duration, tuple(sorted(pitches))))
    return voices


def _measure(part: Element, voices: list[list[Chord]], printed: Printed, bar: int) -> None:
    length = printed.beats * DIVISIONS
    start = bar * length
    measure = SubElement(part, "measure", number=str(bar + 1))
    if bar == 0:
        _head(measure, printed)
    if printed.repeat and bar == printed.repeat[0]:
        _barline(measure, "left", "forward")
    for number, voice in enumerate(voices or [[]], 1):
        if number > 1:
            SubElement(SubElement(measure, "backup"), "duration").text = str(length)
        _voice(measure, voice, str(number), start, start + length)
    if printed.repeat and bar + 1 == printed.repeat[1]:
        _barline(measure, "right", "backward")
    if printed.fine and bar + 1 == printed.fine:
        _words(measure, "Fine", "fine")
    if printed.fine and bar + 1 == printed.n_bars:
        _words(measure, "D.C. al Fine", "dacapo")


def _head(measure: Element, printed: Printed) -> None:
    attributes = SubElement(measure, "attributes")
    SubElement(attributes, "divisions").text = str(DIVISIONS)
    time = SubElement(attributes, "time")
    SubElement(time, "beats").text = str(printed.beats)
    SubElement(time, "beat-type").text = "4"
    direction = SubElement(measure, "direction")
    mark = SubElement(SubElement(direction, "direction-type"), "metronome")
    SubElement(mark, "beat-unit").text = "quarter"
    SubElement(mark, "per-minute").text = f"{printed.bpm:.0f}"
    SubElement(direction, "sound", tempo=f"{printed.bpm:.0f}")


def _barline(measure: Element, where: str, direction: str) -> None:
    SubElement(SubElement(measure, "barline", location=where), "repeat", direction=direction)


def _words(measure: Element, text: str, sound: str) -> None:
    direction = SubElement(measure, "direction")
    SubElement(SubElement(direction, "direction-type"), "words").text = text
    SubElement(direction, "sound", {sound: "yes"})


def _voice(measure: Element, voice: list[Chord], number: str, start: int, stop: int) -> None:
    """Write what sounds from `start` to `stop` in a voice; what lasts longer is tied over the bar line."""
    now = start
    for onset, duration, pitches in voice:
        first, last = max(onset, start), min(onset + duration, stop)
        if last <= first:
            continue
        _rest(measure, first - now, number)
        for i, pitch in enumerate(pitches):
            _note(measure, pitch, last - first, number, (i > 0, onset < first, onset + duration > last))
        now = last
    _rest(measure, stop - now, number)


def _rest(measure: Element, duration: int, voice: str) -> None:
    if duration > 0:
        note = SubElement(measure, "note")
        SubElement(note, "rest")
        SubElement(note, "duration").text = str(duration)
        SubElement(note, "voice").text = voice


def _note(measure: Element, pitch: int, duration: int, voice: str, marks: tuple[bool, bool, bool]) -> None:
    """Write one note; marks: whether it sounds with the note before, continues a tie, begins a tie."""
    note = SubElement(measure, "note")
    if marks[0]:
        SubElement(note, "chord")
    step, alter = STEPS[pitch % 12], ALTERS[pitch % 12]
    place = SubElement(note, "pitch")
    SubElement(place, "step").text = step
    if alter:
        SubElement(place, "alter").text = str(alter)
    SubElement(place, "octave").text = str(pitch // 12 - 1)
    SubElement(note, "duration").text = str(duration)
    kinds = [kind for kind, tied in (("stop", marks[1]), ("start", marks[2])) if tied]
    for kind in kinds:
        SubElement(note, "tie", type=kind)
    SubElement(note, "voice").text = voice
    if kinds:
        notations = SubElement(note, "notations")
        for kind in kinds:
            SubElement(notations, "tied", type=kind)
