"""The last lines of a command: what it wrote where, and what one might do next."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from cli.terminal.stopping import USER_ERROR
from engine.core.errors import printable

if TYPE_CHECKING:
    from offline.batch.piece_folders import PieceCounts

__all__ = ["batch_summary", "complain", "evaluated", "note", "wrote"]


def wrote(paths: Iterable[object], *, then: str = "") -> None:
    """Name the files or folders that were written and a next step, on standard error: standard output is data."""
    names = [_name(each) for each in paths if each is not None]
    if names:
        note(f"wrote {', '.join(names)}")
    if then:
        note(f"next: {then}")


def note(text: str) -> None:
    """Say one thing on standard error."""
    print(printable(text), file=sys.stderr, flush=True)


def complain(text: str) -> None:
    """Say one thing that is wrong, in the form of all errors."""
    note(f"collaparte: {text}")


def batch_summary(*, done: int, short: int = 0, failed: int = 0, stopped: int = 0, left_out: str = "") -> None:
    """Say at the end of a batch what became of its files; nothing about a single file that was done.

    short: how many of the done files were cut off; stopped: files that were not begun; left_out: others, by kind
    """
    if done + failed + stopped > 1 or left_out:
        cut = f" ({short} of them cut off)" if short else ""
        rest = [f"{stopped} not begun"] if stopped else []
        note(", ".join([f"{done} done{cut}", f"{failed} failed", *rest, left_out or "0 left out"]))


def evaluated(counts: PieceCounts, paths: Iterable[object] = (), *, then: str = "") -> int:
    """Say at the end of an evaluation what was written and what became of its pieces; return the exit status."""
    wrote(paths, then=then)
    batch_summary(done=counts.done, failed=counts.failed, left_out=counts.left_out)
    return USER_ERROR if counts.failed else 0


def _name(path: object) -> str:
    return f"{path}/" if isinstance(path, Path) and path.is_dir() else str(path)
