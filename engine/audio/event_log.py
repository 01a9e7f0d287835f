"""Write events as JSON lines, as they are emitted."""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from engine.core.errors import AudioFileError
from engine.core.events import Event, Guesses, to_line

__all__ = ["EventWriter"]


class EventWriter:
    """Write JSON lines to a file, `-` for standard output; every line is flushed before `write` returns.

    AudioFileError if the file cannot be written or the disk is full; the lines before remain complete.
    """

    def __init__(self, path: str | Path, sample_rate: int) -> None:
        self.path, self.sample_rate, self.n_written = str(path), sample_rate, 0
        self._file = self._open()

    def _open(self) -> TextIO:
        if self.path == "-":
            return sys.stdout
        try:
            Path(self.path).parent.mkdir(parents=True, exist_ok=True)
            return Path(self.path).open("w", encoding="utf-8", buffering=1)
        except OSError as error:
            raise AudioFileError(self.path, expected="a place to write events", got=str(error.strerror)) from error

    def write(self, event: Event) -> None:
        """Append one line; `Guesses` events are for display only and not written."""
        if isinstance(event, Guesses):
            return
        try:
            self._file.write(to_line(event, self.sample_rate) + "\n")
            if self.path == "-":
                self._file.flush()
        except BrokenPipeError:
            raise  # the reader of standard output has left
        except OSError as error:
            raise AudioFileError(self.path, expected="room for events", got=str(error.strerror)) from error
        self.n_written += 1

    def close(self) -> None:
        """Close the file; standard output stays open."""
        if self.path != "-":
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
