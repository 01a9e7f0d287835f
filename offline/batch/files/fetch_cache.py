"""Keep what was fetched from other machines: the next batch over the same files reads them from here.

Entries are named by address, size and version (ETag or time of change), so that none can be out of date. Any number of
processes may use the folder at once: an entry appears whole, whoever uses one holds a link of his own to it, and the
entries that were used longest ago go when there are too many.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from engine.core.errors import ConfigError

__all__ = ["CACHE_FOLDER", "CACHE_GB", "FetchCache"]

CACHE_FOLDER, CACHE_GB = "COLLAPARTE_FETCHED", "COLLAPARTE_FETCHED_GB"  # environment: every worker reads it
DEFAULT_GB = 10.0
SHARE = 0.5  # of the room that is left on the disk
IN_USE, PART = "use-", ".part"
STALE_S = 86_400.0  # what a process that was killed has left


class FetchCache:
    """A folder of fetched files.

    folder: where; from the environment, else in the user's cache
    n_bytes: how much of the disk it may take
    """

    def __init__(self, folder: Path | None = None, n_bytes: int | None = None) -> None:
        home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        named = os.environ.get(CACHE_FOLDER)
        self.folder = folder or (Path(named) if named else Path(home, "collaparte", "fetched"))
        self.folder.mkdir(parents=True, exist_ok=True)
        self.n_bytes = _allowed() if n_bytes is None else n_bytes

    @contextmanager
    def file(self, key: tuple[str, int, str], name: str, fetch: Callable[[Path], object]) -> Iterator[Path]:
        """A file of this name on this machine, fetched if it is not here; it stays while it is used, whatever goes.

        key: address, bytes, version; without a version, or with more bytes than may be kept, nothing is kept
        fetch: writes the file to a path
        """
        with tempfile.TemporaryDirectory(prefix=f"{IN_USE}{os.getpid()}-", dir=self.folder) as own:
            path = Path(own, name)
            if not key[2] or key[1] > self._room():
                fetch(path)
            else:
                self._take(self.folder / _digest(key), key[1], path, fetch)
            yield path

    def _take(self, entry: Path, size: int, path: Path, fetch: Callable[[Path], object]) -> None:
        """Link an entry to a path; make it first if it is not there, or not whole."""
        with suppress(OSError):
            os.link(entry, path)
            if path.stat().st_size == size:
                os.utime(path)
                return
            path.unlink()
        self._prune(self.n_bytes - size)
        part = path.with_name(path.name + PART)
        fetch(part)
        with suppress(OSError):  # a file system without links: this copy alone
            if part.stat().st_size == size:
                os.link(part, path)
                os.replace(part, entry)
                return
        path.unlink(missing_ok=True)
        part.rename(path)

    def _room(self) -> int:
        """Return how many bytes may be kept: the disk of others is not to be filled."""
        return min(self.n_bytes, int(SHARE * (shutil.disk_usage(self.folder).free + self._held())))

    def _held(self) -> int:
        return sum(size for _, size, _ in self._entries())

    def _entries(self) -> list[tuple[float, int, Path]]:
        """Return the entries with the time when each was used last and its size, the oldest first."""
        found = []
        with suppress(OSError), os.scandir(self.folder) as rows:
            for row in rows:
                with suppress(OSError):
                    status = row.stat()
                    if row.is_file():
                        found.append((status.st_mtime, status.st_size, Path(row.path)))
                    elif time.time() - status.st_mtime > STALE_S:
                        shutil.rmtree(row.path, ignore_errors=True)
        return sorted(found)

    def _prune(self, n_bytes: int) -> None:
        """Delete the entries that were used longest ago until the others have no more bytes than that."""
        entries = self._entries()
        held = sum(size for _, size, _ in entries)
        for _, size, path in entries:
            if held <= n_bytes:
                return
            with suppress(OSError):
                path.unlink()
            held -= size


def _allowed() -> int:
    """How many bytes may be kept; ConfigError if the environment says no number."""
    text = os.environ.get(CACHE_GB, str(DEFAULT_GB))
    try:
        n_bytes = int(float(text) * 1e9)
    except (ValueError, OverflowError):
        n_bytes = -1
    if n_bytes < 0:
        raise ConfigError(CACHE_GB, expected="gigabytes, 0 to keep nothing", got=repr(text))
    return n_bytes


def _digest(key: tuple[str, int, str]) -> str:
    return hashlib.sha256("\t".join(map(str, key)).encode("utf-8", "surrogatepass")).hexdigest()[:40]
