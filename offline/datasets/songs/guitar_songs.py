"""Guitars to train separation on, out of songs of the game Frets on Fire: each has a recording of its guitar alone.

Writes FOLDER/NAME/{vocals,drums,bass,other}.ogg, of which all but `other` are silent. The rest of such a song holds
voices, drums and basses in one, so it is left out. Debian's fretsonfire-songs-sectoid (Carlos Viola Iborra, MIT) asks
nothing of works made from it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.audio.files import AudioReader
from engine.core.errors import ConfigError
from offline.datasets.songs.module_songs import write_song
from offline.synthesis.songs_render import RATE

__all__ = ["find_guitars", "make_guitar_song"]

GUITARS = Path("/usr/share/games/fretsonfire/data/songs/sectoid")  # where Debian installs them
GUITAR = "guitar.ogg"
SILENT = ("drums", "bass")  # beside the vocals


def find_guitars(folder: Path | None = None) -> list[Path]:
    """Return the recordings of guitars below a folder, or those that Debian installs; ConfigError if there is none."""
    paths = sorted((folder or GUITARS).rglob(GUITAR))
    if not paths:
        remedy = "apt-get install fretsonfire-songs-sectoid"
        raise ConfigError(str(folder or GUITARS), expected=f"songs with a {GUITAR}", got="none", remedy=remedy)
    return paths


def make_guitar_song(path: Path, target: Path) -> None:
    """Write a song of a guitar; ConfigError for another sample rate."""
    reader = AudioReader(path)
    if reader.format.sample_rate != RATE:
        raise ConfigError(str(path), expected=f"{RATE} Hz", got=f"{reader.format.sample_rate} Hz")
    audio = reader.read()
    guitar = audio if audio.shape[1] == 2 else np.repeat(audio[:, :1], 2, axis=1)
    write_song(target, {"other": guitar, **{name: np.zeros_like(guitar) for name in SILENT}})
