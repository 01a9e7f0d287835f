"""A job for tests: counts the bytes of files, and does as their names say."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from engine.core.config import Settings, plain
from engine.core.errors import AudioFileError, ModelError
from offline.batch.task import BatchItem, LocalFiles, Outcome, Pulse, TableSpec, Work

__all__ = ["CountJob", "items_in"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CountJob(Settings):
    """Write the number of bytes of each file.

    A name with `bad` cannot be read, `odd` finds a fault of ours, `kills` kills its process, `once` kills it at the
    first try, `hangs` never ends, `eats` takes memory, `slow` takes a while.
    """

    factor: int = plain(1, "what each byte counts")
    usable: bool = plain(True, "whether it can begin")

    kind: ClassVar[str] = "count"
    ending: ClassVar[str] = ".txt"
    tables: ClassVar[Mapping[str, TableSpec]] = {"sizes": TableSpec(("filename", "size", "word"), ("size",))}

    def begin(self) -> Work:
        if not self.usable:
            raise ModelError("weights", expected="some", got="none")
        return self._count

    def _count(self, item: BatchItem, files: LocalFiles, part: Path, pulse: Pulse) -> Outcome:
        pulse.on_audio(0.01)
        _misbehave(item, files.audio)
        n = files.audio.stat().st_size * self.factor
        if part != Path(os.devnull):
            part.write_text(f"{n}\n")
        rows = [[float(n), item.name]] if n else []
        return Outcome(audio_s=n, tables={"sizes": rows}, shortfall="cut off" if "short" in item.name else "")


def _misbehave(item: BatchItem, file: Path) -> None:
    name, tried = item.name, Path(f"{file}.tried")
    if "bad" in name:
        raise AudioFileError(str(file), expected="an audio file", got="none")
    if "odd" in name:
        raise ZeroDivisionError("by nothing")
    if "once" in name and not tried.exists():
        tried.touch()
        os.kill(os.getpid(), 9)
    if "kills" in name:
        ctypes.string_at(0)
    if "hangs" in name:
        ctypes.CDLL(None).sleep(600)
    if "eats" in name:
        held = b"x" * 600_000_000
        time.sleep(600)
        del held
    if "slow" in name:
        time.sleep(0.05)


def items_in(folder: Path, **sizes: int) -> list[BatchItem]:
    """Files of these names and sizes."""
    items = []
    for name, size in sizes.items():
        path = folder / name
        path.write_bytes(b"x" * size)
        items.append(BatchItem(name, str(path), "", size, str(path.stat().st_mtime_ns)))
    return items
