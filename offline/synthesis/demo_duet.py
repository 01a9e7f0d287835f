"""The demo's duet, written out here: Greensleeves for oboe and harp, played with rubato.

The tune is English, printed by 1584, in the public domain; the setting is the project's own. Both players have one
pulse, so that the harpist is what an accompaniment can be compared with.
"""

from __future__ import annotations

import csv
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from engine.accompaniment.parts import read_accompaniment
from engine.accompaniment.synthesiser import Synthesiser
from engine.accompaniment.synthesiser_config import SynthesiserConfig
from engine.core.format import AudioFormat
from engine.midi.notes import note_off, note_on
from offline.synthesis.demo_performance import Performance, PerformConfig, perform
from offline.synthesis.demo_piece import BarText, add_opening, add_text_note, text_bars

__all__ = ["DuetPiece", "write_duet", "write_duet_score"]

# As in `demo_piece`: bars are separated by |; pitches joined by +; /n lasts n eighths; - is a rest.
OBOE = """
A4/2 |
C5/4 D5/2 | E5/3 F#5 E5/2 | D5/4 B4/2 | G4/3 A4 B4/2 | C5/4 A4/2 | A4/3 G#4 A4/2 | B4/4 G#4/2 | E4/4 A4/2 |
C5/4 D5/2 | E5/3 F#5 E5/2 | D5/4 B4/2 | G4/3 A4 B4/2 | C5/3 B4 A4/2 | G#4/3 F#4 G#4/2 | A4/6 | -/6 |
G5/6 | G5/3 F#5 E5/2 | D5/4 B4/2 | G4/3 A4 B4/2 | C5/4 A4/2 | A4/3 G#4 A4/2 | B4/4 G#4/2 | E4/6 |
G5/6 | G5/3 F#5 E5/2 | D5/4 B4/2 | G4/3 A4 B4/2 | C5/3 B4 A4/2 | G#4/3 F#4 G#4/2 | A4/4 E4/2 | A4/4
"""
HARP = """
-/2 |
A2/2 E3+A3+C4/4 | A2/2 E3+A3+C4/4 | G2/2 D3+G3+B3/4 | G2/2 D3+G3+B3/4 |
A2/2 E3+A3+C4/4 | F2/2 C3+F3+A3/4 | E2/2 E3+G#3+B3/4 | E2 B2 E3 G#3 B3 E4 |
A2 E3 A3 C4 A3 E3 | A2 E3 A3 C4 A3 E3 | G2 D3 G3 B3 G3 D3 | G2 D3 G3 B3 G3 D3 |
A2 E3 A3 C4 A3/2 | E2 B2 E3 G#3 E3/2 | A2 E3 A3 C4 A3 E3 | A2/2 E3/2 A3/2 |
C3 G3 C4 E4 C4 G3 | C3 G3 C4 E4 C4 G3 | G2 D3 G3 B3 G3 D3 | G2 D3 G3 B3 G3 D3 |
A2 E3 A3 C4 A3 E3 | F2 C3 F3 A3 F3 C3 | E2 B2 E3 G#3 E3 B2 | E2 B2 E3 G#3 B3/2 |
C3 G3 C4 E4 C4 G3 | C3 G3 C4 E4 C4 G3 | G2 D3 G3 B3 G3 D3 | G2 D3 G3 B3 G3 D3 |
A2/2 E3+A3+C4/4 | E2/2 B2+E3+G#3/4 | A2 E3 A3 C4 A3 E3 | A2+E3+A3+C4/4
"""
PARTS = (("Oboe", 68, OBOE, "G"), ("Harp", 46, HARP, "F"))
BPM = 132.0
RUBATO = PerformConfig(arch=0.12, wander=0.03, slowing=0.45, phrase=24.0)
TAIL_S, CHUNK = 2.0, 4096
PEAK = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class DuetPiece:
    """Where the score, the soloist's recording and the truth of both players lie, and how long it is.

    truth_path: CSV quarter,audio_s,part
    synthesiser: what made the sound
    """

    score_path: Path
    solo_path: Path
    truth_path: Path
    synthesiser: str
    seconds: float


def write_duet(directory: Path, *, seed: int, sample_rate: int = 44100) -> DuetPiece:
    """Write score.musicxml, solo.wav (24 bit) and truth.csv to the directory; the same seed plays the same."""
    directory.mkdir(parents=True, exist_ok=True)
    score_path, solo_path, truth_path = (directory / name for name in ("score.musicxml", "solo.wav", "truth.csv"))
    write_duet_score(score_path)
    both = read_accompaniment(score_path)
    solo = perform(both.solo, seed=seed, config=RUBATO)
    harp = perform(both.parts[0].score, seed=seed, config=RUBATO)  # one seed is one pulse, for both end together
    audio, synthesiser = _sound(solo, PARTS[0][1], sample_rate)
    soundfile.write(solo_path, audio, sample_rate, subtype="PCM_24")
    _write_truth(truth_path, {"solo": solo, "accompaniment": harp})
    seconds = len(audio) / sample_rate
    return DuetPiece(
        score_path=score_path, solo_path=solo_path, truth_path=truth_path, synthesiser=synthesiser, seconds=seconds
    )


def _sound(played: Performance, program: int, sample_rate: int) -> tuple[npt.NDArray[np.float32], str]:
    """Return the sound (sample, 2) of one player, by the synthesiser that also accompanies, and what that is."""
    synth = Synthesiser(AudioFormat(sample_rate=sample_rate, n_channels=2), SynthesiserConfig())
    synth.program(0, program)
    notes = zip(played.start_s, played.end_s, played.pitch, played.velocity, strict=True)
    for start_s, end_s, pitch, velocity in notes:
        synth.send(round(start_s * sample_rate), note_on(0, int(pitch), int(velocity)))
        synth.send(round(end_s * sample_rate), note_off(0, int(pitch)))
    n = round((float(played.end_s.max()) + TAIL_S) * sample_rate)
    audio = np.concatenate([synth.render(min(CHUNK, n - at)).copy() for at in range(0, n, CHUNK)])
    return audio * np.float32(PEAK / np.abs(audio).max()), synth.source


def _write_truth(path: Path, players: dict[str, Performance]) -> None:
    rows = [
        (f"{quarter:.5f}", f"{at_s:.5f}", part)
        for part, played in players.items()
        for quarter, at_s in zip(played.quarter, played.audio_s, strict=True)
    ]
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("quarter", "audio_s", "part"), *rows])


def write_duet_score(path: Path) -> None:
    """Write the piece as MusicXML."""
    root = ET.Element("score-partwise", version="4.0")
    ET.SubElement(ET.SubElement(root, "work"), "work-title").text = "Greensleeves"
    names = ET.SubElement(root, "part-list")
    for i, (name, program, _, _) in enumerate(PARTS, start=1):
        entry = ET.SubElement(names, "score-part", id=f"P{i}")
        ET.SubElement(entry, "part-name").text = name
        instrument = ET.SubElement(entry, "score-instrument", id=f"P{i}-I1")
        ET.SubElement(instrument, "instrument-name").text = name
        midi = ET.SubElement(entry, "midi-instrument", id=f"P{i}-I1")
        ET.SubElement(midi, "midi-program").text = str(program + 1)
    for i, (_, _, text, clef) in enumerate(PARTS, start=1):
        part = ET.SubElement(root, "part", id=f"P{i}")
        for number, bar in enumerate(text_bars(text)):
            _measure(part, number, bar, clef)
    ET.indent(root)
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _measure(part: ET.Element, number: int, bar: BarText, clef: str) -> None:
    """Add a bar; the upbeat is bar 0."""
    measure = ET.SubElement(part, "measure", number=str(number))
    if number == 0:
        measure.set("implicit", "yes")
        add_opening(measure, clef=clef, fifths=0, bpm=BPM)
    for names, length in bar:
        add_text_note(measure, names, length)
