"""Where the results of tasks go: nowhere but into a table, to a file, or to a folder, each of which appears whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.core.errors import EngineError
from engine.core.whole_file import part_name, unfinished, write_error

__all__ = ["FilePlace", "NoPlace", "RefusedPlace", "SpreadPlace"]


@dataclass(frozen=True, slots=True)
class NoPlace:
    """Of a task that has rows and no files."""

    name: str = ""

    @contextmanager
    def fill(self) -> Iterator[Path]:
        """Nothing is written."""
        yield Path(os.devnull)


@dataclass(frozen=True, slots=True)
class RefusedPlace:
    """Of a task whose result cannot be written, which is told when it is its turn."""

    error: EngineError
    name: str = ""

    @contextmanager
    def fill(self) -> Iterator[Path]:
        """Say why not."""
        raise self.error
        yield Path(os.devnull)


@dataclass(frozen=True, slots=True)
class FilePlace:
    """A file, or a folder of files, in the folder `root`."""

    root: Path
    name: str

    @contextmanager
    def fill(self) -> Iterator[Path]:
        """A path beside it, which takes its place at the end."""
        target = self.root / self.name
        with unfinished(part_name(target)) as part:
            yield part
            try:
                if part.is_dir() and target.is_dir():
                    _exchange(part, target)
                else:
                    os.replace(part, target)
            except OSError as error:
                raise write_error(target, error) from error


@dataclass(frozen=True, slots=True)
class SpreadPlace:
    """Files in the folder `root`, of which only the task knows how many they are and what they are called."""

    root: Path
    name: str

    @contextmanager
    def fill(self) -> Iterator[Path]:
        """A path for a folder, whose files go to `root` at the end, each whole, by name."""
        with unfinished(part_name(self.root / self.name)) as part:
            yield part
            try:
                for path in sorted(part.iterdir()):
                    os.replace(path, self.root / path.name)
            except OSError as error:
                raise write_error(self.root, error) from error


def _exchange(part: Path, target: Path) -> None:
    """Replace a folder that an earlier run has written."""
    with unfinished(part_name(target)) as old:
        target.rename(old)
        part.rename(target)
        shutil.rmtree(old, ignore_errors=True)
