"""Tell jobs and files apart by their content, so that what has changed is done anew and what has not is left."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from engine.core.config import resolved
from engine.core.errors import ModelError
from offline.batch.task import BatchJob

__all__ = ["CARD", "content_hash", "files_of_job", "job_fingerprint", "relocated"]

T = TypeVar("T")
LENGTH = 16  # letters of a fingerprint
NETWORK, CARD = ".onnx", ".toml"


def content_hash(path: Path) -> str:
    """Return the SHA-256 of a file; ModelError if it cannot be read."""
    try:
        status = os.stat(path)
        return _content(path, status.st_mtime_ns, status.st_size)
    except OSError as error:
        raise ModelError(str(path), expected="a file to read", got=error.strerror or str(error)) from error


@lru_cache(maxsize=4096)
def _content(path: Path, changed_ns: int, size: int) -> str:
    del changed_ns, size
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_of_job(job: Any) -> list[Path]:
    """Return the networks among the settings of a job, at any depth; the card of each follows it, if there is one."""
    found: dict[Path, None] = {}
    for path in _paths(job):
        if path.suffix == NETWORK:
            found[path] = None
            if (card := path.with_suffix(CARD)).is_file():
                found[card] = None
    return list(found)


def _paths(value: Any) -> Iterator[Path]:
    if isinstance(value, Path):
        yield value
    elif is_dataclass(value) and not isinstance(value, type):
        for each in fields(value):
            yield from _paths(getattr(value, each.name))
    elif isinstance(value, Mapping):
        yield from (path for each in value.values() for path in _paths(each))
    elif isinstance(value, tuple | list):
        yield from (path for each in value for path in _paths(each))


def relocated(value: T, moved: Mapping[Path, Path]) -> T:
    """Return settings with the paths of files replaced by where they are on this machine."""
    new: Any = value
    if isinstance(value, Path):
        new = moved.get(value, value)
    elif is_dataclass(value) and not isinstance(value, type):
        changed = {each.name: relocated(getattr(value, each.name), moved) for each in fields(value) if each.init}
        new = replace(value, **changed)
    elif isinstance(value, Mapping):
        new = {name: relocated(each, moved) for name, each in value.items()}
    elif isinstance(value, tuple | list):
        new = type(value)(relocated(each, moved) for each in value)
    return new


def job_fingerprint(job: BatchJob) -> str:
    """Return a hash of the job's settings and of the content of its files, wherever these lie."""
    files = files_of_job(job)
    placeless = relocated(job, {path: Path(f"file {i}") for i, path in enumerate(files)})
    content = [content_hash(path) for path in files]
    text = json.dumps([job.kind, resolved(placeless), content], sort_keys=True, default=repr)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:LENGTH]
