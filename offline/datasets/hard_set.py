"""The set of hard takes: every situation with several pieces of each half, and its manifest."""

from __future__ import annotations

import csv
import itertools
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from engine.core.errors import AudioFileError
from offline.datasets.hard_pieces import HARD_HALVES, PieceShelf
from offline.datasets.hard_situations import N_TAKES, SITUATIONS, situation_plan
from offline.datasets.hard_takes import HardTake, make_take, write_hard_take

__all__ = ["HARD_COLUMNS", "MANIFEST", "HardJob", "HardRow", "hard_names", "make_hard_take", "read_manifest"]

MANIFEST = "manifest.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class HardRow:
    """A row of the manifest.

    take: name of its folder
    half: tuning or judging
    value: what was varied
    sounds: what played each part
    seconds: length of the sound
    """

    take: str
    half: str
    situation: str
    piece: str
    value: str
    sounds: str
    seconds: str


HARD_COLUMNS = tuple(each.name for each in fields(HardRow))


@dataclass(frozen=True, slots=True, kw_only=True)
class HardJob:
    """What to make.

    music: chorales.npz and tunes.json of `data music21`
    soundfonts: to draw from
    halves: which of them
    situations: which of them
    n_takes: of each situation and half
    """

    music: Path
    soundfonts: Sequence[Path]
    halves: Sequence[str] = tuple(HARD_HALVES)
    situations: Sequence[str] = tuple(SITUATIONS)
    n_takes: int = N_TAKES
    seed: int = 0


def hard_names(job: HardJob) -> list[str]:
    """Return the names of the takes, in order."""
    numbers = range(1, job.n_takes + 1)
    return [f"{s}_{half}_{n}" for half in job.halves for s, n in itertools.product(job.situations, numbers)]


def make_hard_take(job: HardJob, shelf: Callable[[str], PieceShelf], name: str, folder: Path) -> HardRow:
    """Make the take of a name and write it into a folder; shelf: the pieces of a half."""
    situation, half, number = name.rsplit("_", 2)
    rng = np.random.default_rng((zlib.crc32(name.encode()), job.seed))
    take = make_take(situation_plan(situation, int(number) - 1, shelf(half), rng), rng, job.soundfonts)
    write_hard_take(folder, take)
    return _row(name, half, situation, take)


def _row(name: str, half: str, situation: str, take: HardTake) -> HardRow:
    return HardRow(
        take=name,
        half=half,
        situation=situation,
        piece=take.plan.piece.name,
        value=take.plan.value,
        sounds=", ".join(f"{part}: {take.plan.band[part]} ({sound})" for part, sound in take.sounds.items()),
        seconds=f"{len(take.audio) / take.plan.sample_rate:.1f}",
    )


def read_manifest(folder: Path) -> list[HardRow]:
    """Read the manifest of a folder; AudioFileError if there is none."""
    try:
        with (folder / MANIFEST).open(newline="", encoding="utf-8") as file:
            return [HardRow(**row) for row in csv.DictReader(file)]
    except (OSError, TypeError) as error:
        remedy = f"collaparte data hard -o {folder}"
        raise AudioFileError(str(folder), expected="hard takes", got=str(error), remedy=remedy) from error
