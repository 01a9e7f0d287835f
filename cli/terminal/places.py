"""Where a command will write: looked at before it works, so that hours are not lost to a wrong name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from engine.core.output_limits import require_not_input, require_writable

__all__ = ["WRITES_EITHER", "WRITES_FILE", "WRITES_FOLDER", "require_places"]

WRITES_FILE, WRITES_FOLDER, WRITES_EITHER = "file", "folder", "either"
FOLDER = {WRITES_FILE: False, WRITES_FOLDER: True, WRITES_EITHER: None}
STANDARD_OUTPUT = "-"
ADDRESS = "://"  # in what is on another machine


def require_places(options: Iterable[tuple[str, Any]]) -> None:
    """Raise OutputError unless everything can be written where the options say, and none of it replaces an input.

    options: what is written at a value, or an empty text for an input; and the value
    """
    rows = [(writes, each) for writes, value in options for each in _paths(value)]
    inputs = [path for writes, path in rows if not writes]
    for writes, path in rows:
        if writes:
            require_not_input(path, inputs)
            require_writable(path, folder=FOLDER[writes])


def _paths(value: Any) -> Iterator[Path]:
    """The paths among the values of an option."""
    for each in value if isinstance(value, tuple | list) else (value,):
        if isinstance(each, Path | str) and str(each) not in ("", STANDARD_OUTPUT) and ADDRESS not in str(each):
            yield Path(each)
