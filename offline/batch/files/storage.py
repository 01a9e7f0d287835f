"""Where files are: on this machine, or behind an address that fsspec knows (extra `remote`)."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from engine.core.errors import ConfigError
from offline.batch.task import BatchItem, LocalFiles

__all__ = ["is_address", "local_files", "remote_storage"]

ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+(::|://)", re.IGNORECASE)


def is_address(text: str) -> bool:
    """Return whether a text is an address such as `s3://bucket/songs`, not a path."""
    return bool(ADDRESS.match(text))


def remote_storage() -> Any:
    """Return the module that reaches other machines; ConfigError without the extra `remote`."""
    try:
        return importlib.import_module("offline.batch.files.remote")
    except ImportError as error:
        remedy = "pip install 'collaparte[remote]'"
        raise ConfigError("addresses", expected="the package fsspec", got=str(error), remedy=remedy) from error


@contextmanager
def local_files(item: BatchItem) -> Iterator[LocalFiles]:
    """The files of an item on this machine; what comes from elsewhere is deleted at the end unless it is cached."""
    with ExitStack() as stack:
        yield LocalFiles(*(_local(path, stack) for path in (item.path, item.local_score or item.score)))


def _local(path: str, stack: ExitStack) -> Path:
    return Path(stack.enter_context(remote_storage().fetched(path)) if is_address(path) else path)
