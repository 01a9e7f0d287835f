"""Readers of symbolic corpora as published, with the splits and quantisations of both evaluation protocols.

Chorales are (frame, voice) of MIDI pitches, soprano first, -1 is a rest; rolls are (frame, 88) of 0 and 1 from A0 up.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
from scipy.io import loadmat

from engine.core.errors import ScoreError
from offline.music.catalogue import CORPORA, ROLL_SETS, ROLL_SPLITS

__all__ = ["Split", "copy_published", "load_chorales", "load_rolls"]

Split = dict[str, list[np.ndarray]]


def load_chorales(path: Path) -> Split:
    """Read Jsb16thSeparated.json, four-voice chorales at sixteenths: 229, 76 and 77 of (frame, 4) int16."""
    with path.open() as file:
        raw = json.load(file)
    if set(raw) != set(ROLL_SPLITS):
        raise ScoreError(str(path), expected="splits " + ", ".join(ROLL_SPLITS), got=", ".join(map(str, raw)))
    return {split: [np.asarray(piece, np.int16) for piece in raw[split]] for split in ROLL_SPLITS}


def copy_published(source: Path, target: Path) -> list[str]:
    """Copy the published sets that a folder has into another; return their names. ScoreError if it has none."""
    names = [CORPORA["chorales"].file, *(f"{name}.mat" for name in ROLL_SETS)]
    found = [name for name in names if (source / name).is_file()]
    if not found:
        raise ScoreError(str(source), expected="one of " + ", ".join(names), got="none")
    for name in found:
        shutil.copyfile(source / name, target / name)
    return found


def load_rolls(path: Path) -> Split:
    """Read one of the four sets of Boulanger-Lewandowski et al. 2012 (.mat): (frame, 88) uint8."""
    raw = loadmat(path)
    return {split: [np.asarray(roll, np.uint8) for roll in raw[split + "data"][0]] for split in ROLL_SPLITS}
