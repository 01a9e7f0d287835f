"""Read a whole file that a user names as a score, up to a limit."""

from __future__ import annotations

from pathlib import Path

from engine.core.errors import ScoreError

__all__ = ["MAX_SCORE_BYTES", "read_score_bytes"]

MAX_SCORE_BYTES = 64 << 20  # largest size of a file, unpacked if compressed: a symphony needs 20 MiB


def read_score_bytes(path: Path) -> bytes:
    """Read a file; ScoreError if it is empty, too large or cannot be read."""
    try:
        size = path.stat().st_size
        data = path.read_bytes() if 0 < size <= MAX_SCORE_BYTES and path.is_file() else b""
    except (OSError, ValueError) as error:  # ValueError: a null in the name
        raise ScoreError(
            str(path), expected="a readable file", got=getattr(error, "strerror", "") or str(error)
        ) from error
    if path.is_dir():
        raise ScoreError(str(path), expected="a readable file", got="a folder")
    if not data:
        raise ScoreError(
            str(path), expected=f"1 to {MAX_SCORE_BYTES} bytes", got=f"{size} bytes", remedy="check the file"
        )
    return data
