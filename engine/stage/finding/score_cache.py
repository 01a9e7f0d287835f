"""Keep the scores that have been read, by the content of their files: a folder is read once."""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from contextlib import suppress
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from engine.core.kernel_cache import user_cache
from engine.score.parts import finished_score
from engine.score.readers import read_draft
from engine.score.score import Score

__all__ = ["content_id", "default_cache", "read_cached"]

READER = Path(__file__).parents[2] / "score"


def default_cache() -> Path:
    """Return the folder of read scores in the user's cache."""
    return user_cache() / "scores"


def read_cached(path: Path, folder: Path) -> tuple[str, Score]:
    """Return the id and the score of a file, from the cache where it has been read before; raise as `read_draft`.

    What had to be guessed is in the score's notices; nothing is said of it: of hundreds of scores few are played. The
    cache is only ever added to; where it cannot be written, nothing is kept.
    """
    name = content_id(path)
    kept = folder / f"{name}.npz"
    with suppress(OSError, ValueError, KeyError, zipfile.BadZipFile):  # none, or not whole: read it again
        return name, _unpacked(kept.read_bytes())
    score = finished_score(read_draft(path), ())
    with suppress(OSError):
        _write(kept, _packed(score))
    return name, score


def content_id(path: Path) -> str:
    """Return what the score is known by: a hash of the file's bytes, its name, and the code that reads it."""
    digest = hashlib.blake2b(_reader_version(), digest_size=12)
    digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


@cache
def _reader_version() -> bytes:
    digest = hashlib.blake2b(digest_size=12)
    for source in sorted(READER.rglob("*.py")):
        digest.update(source.read_bytes())
    return digest.digest()


def _packed(score: Score) -> bytes:
    stored = {each.name: getattr(score, each.name) for each in fields(score) if each.init}
    arrays: dict[str, Any] = {name: value for name, value in stored.items() if isinstance(value, np.ndarray)}
    rest = json.dumps({name: value for name, value in stored.items() if name not in arrays})
    out = io.BytesIO()
    np.savez(out, rest=np.frombuffer(rest.encode(), np.uint8), **arrays)
    return out.getvalue()


def _unpacked(data: bytes) -> Score:
    with np.load(io.BytesIO(data), allow_pickle=False) as stored:
        arrays: dict[str, Any] = {name: stored[name] for name in stored.files if name != "rest"}
        rest = json.loads(stored["rest"].tobytes())
    return Score(**arrays, **{name: _tuples(value) for name, value in rest.items()})


def _tuples(value: Any) -> Any:
    """Return lists, which JSON makes of tuples, as tuples."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".part{os.getpid()}")
    part.write_bytes(data)
    part.replace(path)
