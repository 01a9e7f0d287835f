"""The whole set of hard takes: every situation with several pieces of each half, and its manifest."""

from __future__ import annotations

import csv
import itertools
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from engine.core.errors import AudioFileError
from offline.datasets.hard_pieces import HARD_HALVES, PieceShelf
from offline.datasets.hard_situations import N_TAKES, SITUATIONS, situation_plan
from offline.datasets.hard_takes import HardTake, make_take, write_hard_take

__all__ = ["MANIFEST", "HardJob", "HardRow", "make_hard_set", "read_manifest"]

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


COLUMNS = tuple(each.name for each in fields(HardRow))


@dataclass(frozen=True, slots=True, kw_only=True)
class HardJob:
    """What to make.

    folder: where to write
    music: chorales.npz and tunes.json of `data music21`
    soundfonts: to draw from
    halves: which of them
    situations: which of them
    n_takes: of each situation and half
    """

    folder: Path
    music: Path
    soundfonts: Sequence[Path]
    halves: Sequence[str] = tuple(HARD_HALVES)
    situations: Sequence[str] = tuple(SITUATIONS)
    n_takes: int = N_TAKES
    seed: int = 0


def make_hard_set(job: HardJob) -> Iterator[HardRow]:
    """Make take after take and write its row into the manifest; yields the rows as they are made."""
    job.folder.mkdir(parents=True, exist_ok=True)
    with (job.folder / MANIFEST).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for row in _takes(job):
            writer.writerow([getattr(row, name) for name in COLUMNS])
            file.flush()  # what is made stays usable if it is stopped
            yield row


def _takes(job: HardJob) -> Iterator[HardRow]:
    for half in job.halves:
        shelf = PieceShelf.open(job.music, half)
        for situation, number in itertools.product(job.situations, range(job.n_takes)):
            name = f"{situation}_{half}_{number + 1}"
            rng = np.random.default_rng((zlib.crc32(name.encode()), job.seed))
            take = make_take(situation_plan(situation, number, shelf, rng), rng, job.soundfonts)
            write_hard_take(job.folder / name, take)
            yield _row(name, half, situation, take)


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
