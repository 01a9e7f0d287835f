"""Mix songs in stems down to backgrounds of soundscapes: microphones pick up much music, none of it a sound event.

Writes OUT/_background/SONG.wav, mono at 22.05 kHz, and its manifest.csv, for `collaparte data scenes --more`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
from tqdm import tqdm

from engine.audio.files import AudioReader
from engine.core.table_log import TableLog
from engine.detection.frame_clock import SOUND_RATE
from offline.resample import resample
from offline.synthesis.multitrack import Corpus, Song, find_songs

__all__ = ["make_beds", "mix_song"]

VOICE = "vocals"
PEAK = 0.9


def mix_song(song: Song, *, voice: float) -> np.ndarray:
    """Mix all stems of a song, the voice with this gain, to (sample) at 22.05 kHz, peak 0.9."""
    total = np.zeros(0, np.float32)
    for name, path in song.stems.items():
        with AudioReader(path) as reader:
            part = resample(reader.read().mean(axis=1, keepdims=True), reader.format.sample_rate, SOUND_RATE)[:, 0]
        part *= voice if name == VOICE else 1
        if len(part) > len(total):
            total, part = part.copy(), total
        total[: len(part)] += part
    return total * (PEAK / max(float(np.abs(total).max(initial=0)), 1e-6))


def make_beds(folder: Path, output: Path, *, exclude: Sequence[str] = (), voices: bool = False) -> int:
    """Mix every song of a folder, every other one with its voice; return how many.

    voices: each song with its voice, and once more with the voice twice as loud: singing is not speech
    """
    (output / "_background").mkdir(parents=True, exist_ok=True)
    songs = find_songs(Corpus(folder=folder), exclude=exclude)
    with TableLog(output / "manifest.csv", ("file", "label", "source")) as rows:
        for i, song in enumerate(tqdm(songs, unit="song")):
            for ending, gain in (("", 1.0), ("-voice", 2.0)) if voices else (("", float(i % 2 == 0)),):
                name = f"_background/{song.name}{ending}.wav"
                soundfile.write(output / name, mix_song(song, voice=gain), SOUND_RATE)
                rows.write([(name, "_background", song.name)])
    return len(songs)
