"""Symbolic music as published: the splits and quantisations of both evaluation protocols.

Chorales are (frame, voice) of MIDI pitches, soprano first, -1 is a rest; rolls are (frame, 88) of 0 and 1 from A0 up.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from scipy.io import loadmat

from engine.core.errors import ScoreError

__all__ = ["ROLL_SETS", "SPLITS", "load_chorales", "load_rolls", "load_sequences", "save_sequences"]

SPLITS = ("train", "valid", "test")
ROLL_SETS = ("JSB_Chorales", "Nottingham", "Piano_midi", "MuseData")

Split = dict[str, list[np.ndarray]]


def load_chorales(path: Path) -> Split:
    """Four-voice chorales on the sixteenth grid, from Jsb16thSeparated.json: 229, 76 and 77 of (frame, 4) int16."""
    with path.open() as file:
        raw = json.load(file)
    if set(raw) != set(SPLITS):
        raise ScoreError(str(path), expected="splits " + ", ".join(SPLITS), got=", ".join(map(str, raw)))
    return {split: [np.asarray(piece, np.int16) for piece in raw[split]] for split in SPLITS}


def load_rolls(path: Path) -> Split:
    """One of the four sets of Boulanger-Lewandowski et al. 2012 (.mat): (frame, 88) uint8."""
    raw = loadmat(path)
    return {split: [np.asarray(roll, np.uint8) for roll in raw[split + "data"][0]] for split in SPLITS}


def save_sequences(path: Path, sequences: Split) -> None:
    """Pack sequences of equal width into one compressed file: small enough to carry to another machine."""
    arrays = {}
    for split, parts in sequences.items():
        arrays[split] = np.concatenate(parts)
        arrays[split + "_lengths"] = np.array([len(part) for part in parts], np.int32)
    np.savez_compressed(path, **arrays)


def load_sequences(path: Path) -> Split:
    """Read what `save_sequences` wrote."""
    with np.load(path) as file:
        names = [name for name in file.files if not name.endswith("_lengths")]
        return {name: np.split(file[name], np.cumsum(file[name + "_lengths"])[:-1]) for name in names}
