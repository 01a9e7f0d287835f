"""The demo's score, written out here: the Minuet in G from Anna Magdalena Bach's notebook, by Christian Petzold.

BWV Anh. 114, about 1725, in the public domain. The first half is repeated. Both MusicXML and MIDI are made of it.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import mido

from engine.score.score import Score, make_score
from offline.synthesis.fluidsynth import midi_of

__all__ = [
    "BPM",
    "BarText",
    "add_opening",
    "add_text_note",
    "minuet",
    "note_number",
    "text_bars",
    "write_demo_midi",
    "write_musicxml",
]

# Bars are separated by |; pitches joined by +; /n lasts n eighths, otherwise one.
RIGHT_A = """
D5/2 G4 A4 B4 C5 | D5/2 G4/2 G4/2 | E5/2 C5 D5 E5 F#5 | G5/2 G4/2 G4/2 |
C5/2 D5 C5 B4 A4 | B4/2 C5 B4 A4 G4 | F#4/2 G4 A4 B4 G4 | A4/6 |
D5/2 G4 A4 B4 C5 | D5/2 G4/2 G4/2 | E5/2 C5 D5 E5 F#5 | G5/2 G4/2 G4/2 |
C5/2 D5 C5 B4 A4 | B4/2 C5 B4 A4 G4 | A4/2 B4 A4 G4 F#4 | G4/6
"""
LEFT_A = """
G3+B3+D4/4 A3/2 | B3/6 | C4/6 | B3/6 |
A3/6 | G3/6 | D4/2 B3/2 G3/2 | D4/2 D3 C4 B3 A3 |
B3/4 A3/2 | G3/2 B3/2 G3/2 | C4/6 | B3/2 C4 B3 A3 G3 |
A3/4 F#3/2 | G3/4 B3/2 | C4/2 D4/2 D3/2 | G3/4 G2/2
"""
RIGHT_B = """
B5/2 G5 A5 B5 G5 | A5/2 D5 E5 F#5 D5 | G5/2 E5 F#5 G5 D5 | C#5/2 B4 C#5 A4/2 |
A4 B4 C#5 D5 E5 F#5 | G5/2 F#5/2 E5/2 | F#5/2 A4/2 C#5/2 | D5/6 |
D5/2 G4 F#4 G4/2 | E5/2 G4 F#4 G4/2 | D5/2 C5/2 B4/2 | A4 G4 F#4 G4 A4/2 |
D4 E4 F#4 G4 A4 B4 | C5/2 B4/2 A4/2 | B4 D5 G4/2 F#4/2 | B3+D4+G4/6
"""
LEFT_B = """
G3/6 | F#3/6 | E3/2 G3/2 E3/2 | A3/4 A2/2 |
A3/6 | B3/2 D4/2 C#4/2 | D4/2 F#3/2 A3/2 | D4/2 D3/2 C4/2 |
B3/4 B3/2 | C4/4 C4/2 | B3/2 A3/2 G3/2 | D4/4 D3/2 |
D3/6 | E3/2 G3/2 F#3/2 | G3/2 B2/2 D3/2 | G3/2 D3/2 G2/2
"""
BPM = 112.0
BAR = 3.0  # quarters
STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
TICKS = 480
TextChord = tuple[tuple[str, ...], int]  # pitch names, none for a rest; eighths
BarText = list[TextChord]
NOTE_KINDS = {1: ("eighth", 0), 2: ("quarter", 0), 3: ("quarter", 1), 4: ("half", 0), 6: ("half", 1)}


def text_bars(text: str) -> list[BarText]:
    """Return the bars of a text such as `G4/2 A4 B4+D5/3 | -/6`: pitches and eighths; - is a rest."""
    bars = []
    for bar in text.split("|"):
        pairs = [token.partition("/") for token in bar.split()]
        bars.append([(tuple(names.split("+")) if names != "-" else (), int(length or 1)) for names, _, length in pairs])
    return bars


def note_number(name: str) -> int:
    """Return the MIDI number of a name such as F#4."""
    return 12 * (int(name[-1]) + 1) + STEPS[name[0]] + name.count("#")


def _hands() -> list[tuple[list[BarText], list[BarText]]]:
    return [(text_bars(RIGHT_A), text_bars(RIGHT_B)), (text_bars(LEFT_A), text_bars(LEFT_B))]


def minuet() -> Score:
    """Return the piece as a Score, its repeat played out; velocity 80 in the right hand, 64 in the left."""
    rows: list[tuple[float, float, int, int]] = []
    for (first, second), velocity in zip(_hands(), (80, 64), strict=True):
        quarter = 0.0
        for bar in [*first, *first, *second]:
            for names, length in bar:
                rows.extend((quarter, length / 2, note_number(name), velocity) for name in names)
                quarter += length / 2
    half = len(text_bars(RIGHT_A))
    numbers = [*range(1, half + 1), *range(1, half + 1), *range(half + 1, 2 * half + 1)]
    bars = [(BAR * i, number) for i, number in enumerate(numbers)]
    return make_score("minuet", rows, bars=bars, tempi=[(0.0, BPM)])


def write_demo_midi(path: str | Path) -> None:
    """Write the piece as a MIDI file, its repeat played out."""
    score = minuet()
    events = []
    for row in zip(score.note_quarter, score.note_duration, score.note_pitch, score.note_velocity, strict=True):
        onset, end, pitch, velocity = row[0], row[0] + row[1], int(row[2]), int(row[3])
        events.append((round(TICKS * end), 0, mido.Message("note_off", note=pitch)))
        events.append((round(TICKS * onset), 1, mido.Message("note_on", note=pitch, velocity=velocity)))
    head = [
        mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(BPM)),
        mido.MetaMessage("time_signature", numerator=3, denominator=4),
    ]
    timed = [(tick, message) for tick, _, message in sorted(events, key=lambda event: event[:2])]
    midi_of(timed, ticks_per_beat=TICKS, head=head).save(path)


def write_musicxml(path: str | Path) -> None:
    """Write the piece as MusicXML: two parts, the first half between repeat bars."""
    root = ET.Element("score-partwise", version="4.0")
    ET.SubElement(ET.SubElement(root, "work"), "work-title").text = "Minuet in G (Petzold)"
    names = ET.SubElement(root, "part-list")
    for i, hand in enumerate(("Right hand", "Left hand"), start=1):
        ET.SubElement(ET.SubElement(names, "score-part", id=f"P{i}"), "part-name").text = hand
    for i, (first, second) in enumerate(_hands(), start=1):
        part = ET.SubElement(root, "part", id=f"P{i}")
        for number, bar in enumerate([*first, *second], start=1):
            measure = ET.SubElement(part, "measure", number=str(number))
            if number == 1:
                barline = ET.SubElement(measure, "barline", location="left")
                ET.SubElement(barline, "repeat", direction="forward")
                add_opening(measure, clef="GF"[i - 1], fifths=1, bpm=BPM)
            for names_, length in bar:
                add_text_note(measure, names_, length)
            if number == len(first):
                barline = ET.SubElement(measure, "barline", location="right")
                ET.SubElement(barline, "repeat", direction="backward")
    ET.indent(root)
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def add_opening(measure: ET.Element, *, clef: str, fifths: int, bpm: float) -> None:
    """Add divisions, key, 3/4, clef and tempo to a first bar."""
    attributes = ET.SubElement(measure, "attributes")
    ET.SubElement(attributes, "divisions").text = "2"
    ET.SubElement(ET.SubElement(attributes, "key"), "fifths").text = str(fifths)
    time = ET.SubElement(attributes, "time")
    ET.SubElement(time, "beats").text, ET.SubElement(time, "beat-type").text = "3", "4"
    sign = ET.SubElement(attributes, "clef")
    ET.SubElement(sign, "sign").text, ET.SubElement(sign, "line").text = clef, {"G": "2", "F": "4"}[clef]
    direction = ET.SubElement(measure, "direction", placement="above")
    metronome = ET.SubElement(ET.SubElement(direction, "direction-type"), "metronome")
    ET.SubElement(metronome, "beat-unit").text = "quarter"
    ET.SubElement(metronome, "per-minute").text = f"{bpm:g}"
    ET.SubElement(direction, "sound", tempo=f"{bpm:g}")


def add_text_note(measure: ET.Element, names: tuple[str, ...], length: int) -> None:
    """Add the notes of a chord to a bar of two divisions a quarter, or a rest where there are none."""
    kind, dots = NOTE_KINDS[length]
    for i, name in enumerate(names or ("",)):
        note = ET.SubElement(measure, "note")
        if i:
            ET.SubElement(note, "chord")
        if name:
            pitch = ET.SubElement(note, "pitch")
            ET.SubElement(pitch, "step").text = name[0]
            if "#" in name:
                ET.SubElement(pitch, "alter").text = "1"
            ET.SubElement(pitch, "octave").text = name[-1]
        else:
            ET.SubElement(note, "rest")
        ET.SubElement(note, "duration").text = str(length)
        ET.SubElement(note, "type").text = kind
        if dots:
            ET.SubElement(note, "dot")
