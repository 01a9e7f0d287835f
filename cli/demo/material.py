"""The demo's material: a score that the project holds, a performance of it with its truth, and its sound."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from engine.core.errors import OutputError
from offline.synthesis.additive_piano import clicks, synthesise
from offline.synthesis.demo_performance import Performance, perform
from offline.synthesis.demo_piece import minuet, write_demo_midi, write_musicxml

__all__ = ["DemoPiece", "make_demo", "refuse_others"]

SCORE = "score.musicxml"
CLICK_GAIN = 0.25  # a brush beside a piano


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoPiece:
    """Where the material lies, what made its sound, and how long it is.

    truth_path: CSV quarter,audio_s, a row a score onset.
    """

    score_path: Path
    midi_path: Path
    audio_path: Path
    truth_path: Path
    synthesiser: str
    seconds: float


def make_demo(directory: str | Path, *, seed: int, sample_rate: int = 44100, percussion: bool = True) -> DemoPiece:
    """Write score.musicxml, score.mid, performance.wav (stereo, 24 bit) and truth.csv to the directory.

    percussion: a brush on every beat, a little to the right, so that a harmonic/percussive split has work to do.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    refuse_others(directory, ("score.mid", "performance.wav", "truth.csv"), write_musicxml)
    played = perform(minuet(), seed=seed)
    piano, synthesiser = synthesise(played, sample_rate)
    stereo = np.stack([piano, piano], axis=1)
    if percussion:
        brush = clicks(played.beat_s, len(piano), sample_rate, seed=seed) * np.float32(CLICK_GAIN)
        stereo += brush[:, None] * np.array([0.6, 1.0], np.float32)
    piece = DemoPiece(
        score_path=directory / SCORE,
        midi_path=directory / "score.mid",
        audio_path=directory / "performance.wav",
        truth_path=directory / "truth.csv",
        synthesiser=synthesiser,
        seconds=len(piano) / sample_rate,
    )
    write_musicxml(piece.score_path)
    write_demo_midi(piece.midi_path)
    soundfile.write(piece.audio_path, stereo, sample_rate, subtype="PCM_24")
    _write_truth(piece.truth_path, played)
    return piece


def refuse_others(directory: Path, names: Sequence[str], write_score: Callable[[Path], None]) -> None:
    """Raise OutputError if the folder holds a score or files of these names that no demo wrote."""
    there = [name for name in (SCORE, *names) if (directory / name).exists()]
    if not there:
        return
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder, SCORE)
        write_score(own)
        score = directory / SCORE
        if not score.is_file() or score.read_bytes() != own.read_bytes():
            got = f"{', '.join(there)} of another piece"
            expected = "a folder without these, or an earlier demo's"
            raise OutputError(str(directory), expected=expected, got=got, remedy="choose another --output")


def _write_truth(path: Path, played: Performance) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("quarter", "audio_s"))
        writer.writerows((f"{q:.5f}", f"{t:.5f}") for q, t in zip(played.quarter, played.audio_s, strict=True))
