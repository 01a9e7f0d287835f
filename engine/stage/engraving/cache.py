"""Keep what has been engraved: pages in memory, and all of it in the user's cache folder, both bounded."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import threading
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.stage.engraving.pages import PrintedPlaces

__all__ = ["EngravedCache"]

FOLDER = "engraved"
IN_MEMORY = 48 << 20  # bytes of gzipped pages: some 1,500
ON_DISK = 256 << 20  # bytes
SOURCES = ("stage/engraving", "score/musicxml")  # below engine: what is engraved depends on them
PLACES, BARS = "places.npy", "bars.npy"


class EngravedCache:
    """What has been engraved, by keys that are made of the contents; losing any of it loses time only.

    folder: where it is kept on the disk (default: in the user's cache); what cannot be written is not kept
    """

    def __init__(self, folder: Path | None = None, *, in_memory: int = IN_MEMORY, on_disk: int = ON_DISK) -> None:
        home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        self._folder = folder or Path(home) / "collaparte" / FOLDER
        self._in_memory, self._on_disk = in_memory, on_disk
        self._pages: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()
        with suppress(OSError):
            self._prune()

    def key(self, *contents: bytes) -> str:
        """Return a name for these contents, as this version of the project engraves them."""
        digest = hashlib.blake2b(_sources(), digest_size=16)
        for each in contents:
            digest.update(len(each).to_bytes(8, "little") + each)
        return digest.hexdigest()

    def places(self, score: str) -> PrintedPlaces | None:
        """Return where the notes of a score are printed, if that is known."""
        found = self._loaded(score, PLACES, len(PrintedPlaces._fields))
        return None if found is None else PrintedPlaces(*found)

    def keep_places(self, score: str, places: PrintedPlaces) -> None:
        """Keep where the notes of a score are printed."""
        self._save(score, PLACES, places)

    def bars(self, layout: str) -> npt.NDArray[np.int64] | None:
        """Return the page of each bar in a layout, if that is known."""
        found = self._loaded(layout, BARS, 1)
        return None if found is None else found[0]

    def keep_bars(self, layout: str, bar_page: npt.NDArray[np.int64]) -> None:
        """Keep the page of each bar."""
        self._save(layout, BARS, [bar_page])

    def page(self, layout: str, number: int) -> bytes | None:
        """Return a gzipped page, if it is there."""
        if (packed := self._pages.get((layout, number))) is not None:
            return packed
        with suppress(OSError):
            packed = (self._folder / layout / f"{number}.svg.gz").read_bytes()
            self._remember(layout, number, packed)
            return packed
        return None

    def keep_page(self, layout: str, number: int, packed: bytes) -> None:
        """Keep a gzipped page."""
        self._remember(layout, number, packed)
        self._write(layout, f"{number}.svg.gz", packed)

    def _remember(self, layout: str, number: int, packed: bytes) -> None:
        with self._lock:
            self._size += len(packed) - len(self._pages.pop((layout, number), b""))
            self._pages[layout, number] = packed
            while self._size > self._in_memory and len(self._pages) > 1:
                self._size -= len(self._pages.popitem(last=False)[1])

    def _loaded(self, name: str, file: str, count: int) -> list[Any] | None:
        """Return so many arrays of a file; None where it is not there, or damaged."""
        with suppress(OSError, ValueError, EOFError):
            os.utime(self._folder / name)
            data = io.BytesIO((self._folder / name / file).read_bytes())
            return [np.lib.format.read_array(data, allow_pickle=False) for _ in range(count)]
        return None

    def _save(self, name: str, file: str, arrays: Iterable[npt.NDArray[Any]]) -> None:
        data = io.BytesIO()
        for array in arrays:
            np.save(data, array)
        self._write(name, file, data.getvalue())

    def _write(self, name: str, file: str, data: bytes) -> None:
        with suppress(OSError):
            folder = self._folder / name
            folder.mkdir(parents=True, exist_ok=True)
            part = folder / f"{file}.part.{os.getpid()}"
            part.write_bytes(data)
            os.replace(part, folder / file)

    def _prune(self) -> None:
        """Remove what has been unused for longest, until the rest is small enough."""
        folders = sorted(self._folder.iterdir(), key=lambda each: each.stat().st_mtime, reverse=True)
        total = 0
        for folder in folders:
            total += sum(file.stat().st_size for file in folder.iterdir())
            if total > self._on_disk:
                shutil.rmtree(folder, ignore_errors=True)


@cache
def _sources() -> bytes:
    """Return a digest of the code that decides how a score is engraved."""
    digest = hashlib.blake2b(digest_size=16)
    engine = Path(__file__).parents[2]
    for folder in SOURCES:
        for path in sorted((engine / folder).rglob("*.py")):
            digest.update(path.relative_to(engine).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.digest()
