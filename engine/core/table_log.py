"""Tables that grow by whole rows, in files that others may read meanwhile."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from engine.core.whole_file import NAME_ERRORS, part_name, unfinished, write_error

__all__ = ["TableLog", "table_text"]


def table_text(rows: Iterable[Sequence[str]], delimiter: str = ",") -> str:
    """Return rows as lines of a table; cells with delimiters or line ends are quoted."""
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return text.getvalue()


class TableLog:
    """A table in a file, written as its rows come; a kill or a full disk leaves whole rows.

    The file appears, in the place of an older one, with the first rows.
    """

    def __init__(self, path: str | Path, header: Sequence[str], *, delimiter: str = ",") -> None:
        self.path, self.header, self.delimiter = Path(path), header, delimiter
        self._file: io.FileIO | None = None
        self._end = 0

    def write(self, rows: Iterable[Sequence[str]]) -> None:
        """Append rows, all or none of them; OutputError if the disk is full."""
        content = table_text(rows if self._file else [self.header, *rows], self.delimiter)
        try:
            if self._file is None:
                self._file = self._begin(content.encode("utf-8", NAME_ERRORS))
            else:
                self._append(self._file, content.encode("utf-8", NAME_ERRORS))
        except BrokenPipeError:
            raise
        except OSError as error:
            raise write_error(self.path, error) from error

    def _begin(self, content: bytes) -> io.FileIO:
        """Write the first rows to a file of another name, which then takes the place of an older table."""
        target = Path(os.path.realpath(self.path))
        if target.exists() and not target.is_file():
            file = io.FileIO(target, "w")
            self._append(file, content)
            return file
        target.parent.mkdir(parents=True, exist_ok=True)
        with unfinished(part_name(target)) as part:
            file = io.FileIO(part, "w")
            try:
                self._append(file, content)
                os.replace(part, target)
            except OSError:
                file.close()
                raise
        return file

    def _append(self, file: io.FileIO, content: bytes) -> None:
        left = memoryview(content)
        try:
            while left:
                left = left[file.write(left) or 0 :]
        except OSError:
            with suppress(OSError):  # a pipe cannot take anything back
                file.truncate(self._end)
                file.seek(self._end)
            raise
        self._end += len(content)

    def close(self) -> None:
        """Close the file; a second call has no effect."""
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
