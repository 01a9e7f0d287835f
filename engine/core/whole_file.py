"""Files that appear whole or not at all, and names of files in any bytes.

Texts are UTF-8. A name that is not goes out as the bytes that it has on the disk, and comes back from them.
"""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from engine.core.errors import EngineError, OutputError

__all__ = [
    "NAME_ERRORS",
    "discard_of",
    "discard_stale",
    "discard_unfinished",
    "is_full",
    "open_text",
    "part_name",
    "unfinished",
    "whole_folder",
    "whole_path",
    "whole_text",
    "write_error",
]

NAME_ERRORS = "surrogateescape"  # how Python keeps the bytes of a name that are no text
PREFIX = ".collaparte-"  # of what is unfinished; the process follows
STALE_S = 3600
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_count = itertools.count()
_unfinished: set[Path] = set()


def open_text(path: str | Path, mode: str = "r") -> TextIO:
    """Open a text file for reading ("r", a byte order mark is left out) or writing, with names in any bytes."""
    encoding = "utf-8-sig" if mode == "r" else "utf-8"
    return Path(path).open(mode, newline="", encoding=encoding, errors=NAME_ERRORS)  # type: ignore[return-value]


@contextmanager
def unfinished(part: Path) -> Iterator[Path]:
    """A file or folder to work in, which is deleted at the end unless it was moved to where it belongs."""
    _unfinished.add(part)
    try:
        yield part
    finally:
        _delete(part)
        _unfinished.discard(part)


def discard_stale(folder: Path, *, age_s: float = STALE_S) -> None:
    """Delete what processes that were killed left unfinished in a folder, an hour ago or more.

    age_s: less where no process of another machine can be at work there
    """
    for part in folder.glob(f"{PREFIX}*-*"):
        process = part.name.removeprefix(PREFIX).partition("-")[0]
        with suppress(OSError):
            if process.isdecimal() and time.time() - part.stat().st_mtime >= age_s and not _runs(int(process)):
                _delete(part)


def discard_of(process: int, folder: Path) -> None:
    """Delete what a process that was killed left unfinished in a folder."""
    for part in folder.glob(f"{PREFIX}{process}-*"):
        _delete(part)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def discard_unfinished() -> None:
    """Delete everything that is unfinished, in a process that has no time to unwind."""
    for part in tuple(_unfinished):
        _delete(part)


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def part_name(path: Path) -> Path:
    """A hidden name beside `path`, with its suffix, of this process alone, however long the name is."""
    return path.with_name(f"{PREFIX}{os.getpid()}-{next(_count)}{path.suffix}")


@contextmanager
def whole_path(path: str | Path) -> Iterator[Path]:
    """A temporary path for the body to write to; then it replaces `path`. OutputError if that cannot be written."""
    target = Path(os.path.realpath(path))
    if target.exists() and not (target.is_file() or target.is_dir()):
        yield target  # a pipe or a terminal
        return
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with unfinished(part_name(target)) as part:
            yield part
            os.replace(part, target)
    except OSError as error:
        raise write_error(path, error) from error


@contextmanager
def whole_folder(path: str | Path) -> Iterator[Path]:
    """A temporary folder for the body to fill; then it replaces `path`. OutputError if that cannot be written."""
    target = Path(path)
    try:
        with unfinished(part_name(target)) as part, unfinished(part_name(target)) as old:
            part.mkdir(parents=True)
            yield part
            if target.exists():
                target.rename(old)
            part.rename(target)
    except OSError as error:
        raise write_error(path, error) from error


@contextmanager
def whole_text(path: str | Path) -> Iterator[TextIO]:
    """A text file that replaces `path` at the end. OutputError if that cannot be written."""
    with whole_path(path) as part, open_text(part, "w") as file:
        yield file


def write_error(path: str | Path, error: OSError) -> EngineError:
    """Return what the system says against writing a file; an EngineError as it is."""
    if isinstance(error, EngineError):
        return error
    got = "a full disk" if is_full(error) else error.strerror or str(error)
    remedy = "free some space, or write to another disk" if is_full(error) else ""
    return OutputError(str(path), expected="a place to write", got=got, remedy=remedy)


def is_full(error: OSError) -> bool:
    """Return whether the disk, or what this user may use of it, is full."""
    return error.errno in FULL
