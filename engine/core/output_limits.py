"""Whether a result can be written at all, before the work for it begins."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from engine.core.errors import EngineError, OutputError

__all__ = ["require_not_input", "require_room", "require_writable"]

SPARE_BYTES = 1 << 20  # that a disk is left with


def _ancestor(path: Path) -> Path:
    """The nearest folder above that is there."""
    for each in path.absolute().parents:
        if each.exists():
            return each
    return Path("/")


def require_room(folder: Path, n_bytes: int, what: str) -> None:
    """Raise OutputError unless the disk of the folder has room for so many bytes."""
    free = shutil.disk_usage(folder if folder.is_dir() else _ancestor(folder)).free
    if n_bytes + SPARE_BYTES > free:
        remedy = "free some space, or choose another --output"
        expected = f"room for {_size(n_bytes)} of {what}"
        raise OutputError(str(folder), expected=expected, got=f"{_size(free)}", remedy=remedy)


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.1f} MB"


def require_not_input(path: Path, inputs: Iterable[Path]) -> None:
    """Raise OutputError if the path is a file that is read."""
    for each in inputs:
        if os.path.isfile(path) and os.path.isfile(each) and os.path.samefile(path, each):
            raise OutputError(str(path), expected="another file than the input", got="the input itself")


def require_writable(path: Path, *, folder: bool | None = False, expected: str = "") -> None:
    """Raise OutputError unless a file could be written there; the folders above it are made.

    folder: whether it is a folder; None if either may be
    expected: what the error says was expected
    """
    expected = expected or ("a folder to write to" if folder else "a place to write a file")
    try:
        if path.exists() and folder is not None and path.is_dir() != folder:
            raise OutputError(str(path), expected=expected, got="a folder" if path.is_dir() else "a file")
        if folder is False:
            path.parent.mkdir(parents=True, exist_ok=True)
        place = path if path.exists() else _ancestor(path)
        if not place.is_dir() and place != path:
            raise OutputError(str(path), expected=expected, got=f"{place}, which is a file")
        if not os.access(place, os.W_OK):
            raise OutputError(str(path), expected=expected, got=f"no permission to write to {place}")
    except OSError as error:
        if isinstance(error, EngineError):
            raise
        got = error.strerror or str(error)
        raise OutputError(str(path), expected=expected, got=got) from error
