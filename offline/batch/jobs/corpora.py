"""The jobs that make data to train on and to measure by: performances, hard takes, songs of modules and of projects."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, astuple, dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar

from engine.core.config import Settings, plain, ranged
from offline.batch.task import BatchItem, LocalFiles, Outcome, Pulse, TableSpec, Work
from offline.datasets.corpus_scores import Library
from offline.datasets.hard_pieces import PieceShelf
from offline.datasets.hard_set import HARD_COLUMNS, HardJob, make_hard_take
from offline.datasets.performances import TakeConfig, perform_piece, write_take
from offline.datasets.songs.guitar_songs import make_guitar_song
from offline.datasets.songs.lmms_songs import make_lmms_song
from offline.datasets.songs.module_songs import make_module_song

__all__ = [
    "HARD_TABLE",
    "GuitarSongsJob",
    "HardTakesJob",
    "LmmsSongsJob",
    "ModuleSongsJob",
    "PerformancesJob",
    "guitar_items",
    "module_items",
    "performance_items",
    "project_items",
]

HARD_TABLE = "takes"


def module_items(paths: Sequence[Path]) -> list[BatchItem]:
    """Return modules as items, numbered, since many are called alike."""
    return [BatchItem(f"{number:03d}-{path.stem.lower()}", str(path)) for number, path in enumerate(paths)]


def project_items(paths: Sequence[Path]) -> list[BatchItem]:
    """Return projects as items."""
    return [BatchItem(path.stem.lower(), str(path)) for path in paths]


def guitar_items(paths: Sequence[Path]) -> list[BatchItem]:
    """Return recordings of guitars as items, called as their songs are."""
    return [BatchItem(path.parent.name.lower().replace(" ", "-"), str(path)) for path in paths]


def performance_items(names: Sequence[str], seed: int) -> list[BatchItem]:
    """Return pieces as items; the path is the piece's name in its library."""
    return [BatchItem(f"{name.replace('-', '_')}_{seed}", name) for name in names]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleSongsJob(Settings):
    """Write the stems of each tracker module."""

    seconds: float = ranged(120.0, 1, 3600, "longest length of a song", unit="s")

    kind: ClassVar[str] = "modules"
    ending: ClassVar[str] = "/"
    tables: ClassVar[Mapping[str, TableSpec]] = {}

    def begin(self) -> Work:
        """Nothing is loaded before."""
        return self._write

    def _write(self, item: BatchItem, files: LocalFiles, part: Path, pulse: Pulse) -> Outcome:
        del pulse
        make_module_song(files.audio, int(item.name.partition("-")[0]), self.seconds, part)
        return Outcome()


@dataclass(frozen=True, slots=True, kw_only=True)
class _SongsJob(Settings):
    """Write a song, a folder of stems, of each file."""

    ending: ClassVar[str] = "/"
    tables: ClassVar[Mapping[str, TableSpec]] = {}

    def begin(self) -> Work:
        """Nothing is loaded before."""
        return self._write

    def _write(self, item: BatchItem, files: LocalFiles, part: Path, pulse: Pulse) -> Outcome:
        del item, pulse
        self.make(files.audio, part)
        return Outcome()

    @staticmethod
    @abstractmethod
    def make(path: Path, target: Path) -> None:
        """Write the song of one file into a folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LmmsSongsJob(_SongsJob):
    """Write the stems of each LMMS project."""

    kind: ClassVar[str] = "lmms"
    make = staticmethod(make_lmms_song)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuitarSongsJob(_SongsJob):
    """Write a song of each recording of a guitar."""

    kind: ClassVar[str] = "guitars"
    make = staticmethod(make_guitar_song)


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformancesJob(Settings):
    """Perform each piece of a library."""

    chorales: Path | None = plain(None, "chorales as packed by `data music21`")
    take: TakeConfig = plain(TakeConfig, "how it is performed")
    seed: int = plain(0, "of all performances")

    kind: ClassVar[str] = "performances"
    ending: ClassVar[str] = "/"
    tables: ClassVar[Mapping[str, TableSpec]] = {}

    def begin(self) -> Work:
        """Open the library."""
        library = Library.open(self.chorales)

        def write(item: BatchItem, files: LocalFiles, part: Path, pulse: Pulse) -> Outcome:
            del files, pulse
            take = perform_piece(library, item.path, seed=self.seed, config=self.take)
            write_take(part, take)
            return Outcome(audio_s=len(take.audio) / take.sample_rate)

        return write


@dataclass(frozen=True, slots=True, kw_only=True)
class HardTakesJob(Settings):
    """Make each hard take, by its name."""

    hard: HardJob = plain(MISSING, "what is made")

    kind: ClassVar[str] = "hard"
    ending: ClassVar[str] = "/"
    tables: ClassVar[Mapping[str, TableSpec]] = {HARD_TABLE: TableSpec(HARD_COLUMNS)}

    def begin(self) -> Work:
        """Pieces of a half are read when its first take is made."""
        shelf = cache(lambda half: PieceShelf.open(self.hard.music, half))

        def write(item: BatchItem, files: LocalFiles, part: Path, pulse: Pulse) -> Outcome:
            del files, pulse
            row = make_hard_take(self.hard, shelf, item.name, part)
            return Outcome(audio_s=float(row.seconds), tables={HARD_TABLE: [list(astuple(row)[1:])]})

        return write
