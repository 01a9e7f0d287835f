"""The last lines of a command: what it wrote where, and what one might do next."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

__all__ = ["note", "wrote"]


def wrote(paths: Iterable[object], *, then: str = "") -> None:
    """Name the files or folders that were written and a next step, on standard error: standard output is data."""
    names = [_name(each) for each in paths if each is not None]
    if names:
        note(f"wrote {', '.join(names)}")
    if then:
        note(f"next: {then}")


def note(text: str) -> None:
    """Say one thing on standard error."""
    print(text, file=sys.stderr, flush=True)


def _name(path: object) -> str:
    return f"{path}/" if isinstance(path, Path) and path.is_dir() else str(path)
