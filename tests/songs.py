"""Folders of stems for the tests: tones that tell which stem of which song they are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import soundfile

RATE = 8000


def tone(freq_hz: float, seconds: float, level: float = 0.2) -> np.ndarray:
    return level * np.sin(2 * np.pi * freq_hz * np.arange(int(seconds * RATE)) / RATE)


def write_songs(folder: Path, songs: Mapping[str, Mapping[str, float]], seconds: float = 8.0) -> Path:
    """`songs` gives the frequency of each stem of each song; written as stereo, the right channel at half level."""
    for song, stems in songs.items():
        (folder / song).mkdir(parents=True)
        for stem, freq_hz in stems.items():
            audio = tone(freq_hz, seconds)
            soundfile.write(folder / song / f"{stem}.wav", np.stack([audio, audio / 2], 1), RATE, subtype="FLOAT")
    return folder
