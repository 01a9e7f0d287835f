"""A little duo: a score for two parts, the soloist's recording, and when a human would have played both."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import mido
import numpy as np
import soundfile

from engine.score.score import make_score
from offline.synthesis.additive_piano import additive
from offline.synthesis.demo_performance import PerformConfig, perform

__all__ = ["BPM", "STEADY", "NoteRows", "make_duo", "write_duo_score"]

STEADY = PerformConfig(arch=0.0, wander=0.0, slowing=0.0, spread_ms=0.0, lead_ms=0.0, start_s=0.5)
BPM = 100.0
NoteRows = Sequence[tuple[float, float, int, int]]  # onset, duration, pitch, velocity


def make_duo(folder: Path, rate: int = 44100, *, quarters: int = 12, chord: tuple[int, ...] = (48,)) -> Path:
    """Write score.mid, solo.wav and truth.csv into the folder: eighths over a chord on each quarter, steady."""
    melody = [(q / 2, 0.5, 67 + [0, 2, 4, 5, 7, 5, 4, 2][q % 8], 80) for q in range(2 * quarters)]
    write_duo_score(folder / "score.mid", melody, [(q, 1, pitch, 70) for q in range(quarters) for pitch in chord])
    played = perform(make_score("solo", melody, tempi=[(0, BPM)]), seed=0, config=STEADY)
    soundfile.write(folder / "solo.wav", additive(played, rate), rate)
    onsets = {"solo": np.arange(0, quarters, 0.5), "accompaniment": np.arange(quarters)}
    rows = [(q, 0.5 + q * 60 / BPM, part) for part, quarter in onsets.items() for q in quarter]
    with (folder / "truth.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("quarter", "audio_s", "part"), *rows])
    return folder


def write_duo_score(path: Path, solo: NoteRows, accompaniment: NoteRows) -> Path:
    """Write a MIDI file with the tracks Solo and Piano."""
    song = mido.MidiFile()
    song.add_track().append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(BPM)))
    for name, rows in (("Solo", solo), ("Piano", accompaniment)):
        track = song.add_track(name)
        changes = sorted((t, kind, p) for q, n, p, _ in rows for t, kind in ((q, "note_on"), (q + n, "note_off")))
        now = 0.0
        for at, kind, pitch in sorted(changes, key=lambda row: (row[0], row[1] == "note_on")):
            track.append(mido.Message(kind, note=pitch, time=round((at - now) * 480)))
            now = at
    song.save(path)
    return path
