"""The manifest of a batch: one JSON line a task, appended by one process alone, so that a kill loses no finished task.

The folder of a batch is `.batch` in the folder that it writes to, and `NAME.batch` beside a table NAME. It holds
`plan.json` (what was asked for), `manifest.jsonl`, `failures.tsv` and `claimed.txt` (names of results).
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from engine.core.errors import OutputError
from engine.core.whole_file import is_full, open_text, whole_text, write_error
from offline.batch.task import BatchItem, TaskReport, TaskStatus

__all__ = ["BATCH_FOLDER", "BatchFolder", "Manifest", "ManifestEntry", "batch_folder_of", "read_batch_manifest"]

BATCH_FOLDER = ".batch"
PLAN, MANIFEST, FAILURES, CLAIMED = "plan.json", "manifest.jsonl", "failures.tsv", "claimed.txt"
SYNC_S = 5.0  # of work that a power cut may lose


class ManifestEntry(NamedTuple):
    """What the manifest says last of an item.

    at: where its line begins in the file, bytes
    size, version: of the item when it was done
    """

    at: int
    name: str
    status: str
    error: str
    fingerprint: str
    size: int
    version: str
    output: str
    audio_s: float

    @property
    def done(self) -> bool:
        """Return whether there is a result."""
        return self.status in TaskStatus.DONE


def batch_folder_of(output: Path, *, folder: bool) -> Path:
    """Return the folder of the batch that writes to a folder, or to a table."""
    return output / BATCH_FOLDER if folder else output.with_name(f"{output.name}.batch")


@dataclass(frozen=True, slots=True)
class BatchFolder:
    """The folder of a batch."""

    path: Path

    @property
    def failures(self) -> Path:
        """Return the table of what failed."""
        return self.path / FAILURES

    @property
    def manifest(self) -> Path:
        """Return the manifest."""
        return self.path / MANIFEST

    def claimed(self) -> frozenset[str]:
        """Return the names of results that earlier runs of the batch have claimed, whether or not they came to be."""
        try:
            with open_text(self.path / CLAIMED) as file:
                return frozenset(json.loads(line) for line in file)
        except FileNotFoundError:
            return frozenset()

    def claim(self, names: Iterable[str]) -> None:
        """Note, before the work, that results of these names are of this batch."""
        with whole_text(self.path / CLAIMED) as file:
            file.writelines(f"{json.dumps(name)}\n" for name in sorted({*self.claimed(), *names}))

    def write_plan(self, plan: Mapping[str, Any]) -> None:
        """Keep what was asked for."""
        with whole_text(self.path / PLAN) as file:
            json.dump(dict(plan), file, indent=1)

    def read_plan(self) -> dict[str, Any]:
        """Return what was asked for; OutputError if no batch has been here."""
        try:
            return dict(json.loads((self.path / PLAN).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            got = "no plan.json that can be read"
            remedy = "name the folder or the table that a `collaparte batch` wrote to"
            raise OutputError(str(self.path), expected="a batch", got=got, remedy=remedy) from error


class Manifest:
    """The manifest in a file, open to read what was done and to append what is done; OutputError if another has it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise write_error(path, error) from error
        self._lock()
        self._synced_s = time.monotonic()
        self._end = self._mended()

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            remedy = "wait for it, or stop it"
            got = "another batch at work there"
            raise OutputError(str(self.path.parent), expected="no other batch", got=got, remedy=remedy) from error

    def _mended(self) -> int:
        """End the line at which a writer was killed, so that it does not run into the next; the end of the file."""
        size = os.fstat(self._file).st_size
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            os.write(self._file, b"\n")
            size += 1
        return size

    def append(self, item: BatchItem, fingerprint: str, report: TaskReport) -> ManifestEntry:
        """Write a line, all or nothing of it; OutputError if the disk is full."""
        at, line = self._end, _line(item, fingerprint, report)
        try:
            written = os.write(self._file, line)
            if written < len(line):
                os.ftruncate(self._file, at)
                raise OSError(28, "No space left on device")
            self._end += written
            self._sync()
        except OSError as error:
            expected = "room for the manifest" if is_full(error) else "a manifest that can be written"
            got = error.strerror or str(error)
            raise OutputError(str(self.path), expected=expected, got=got, remedy="free some space") from error
        return _entry(at, item, fingerprint, report)

    def _sync(self) -> None:
        now = time.monotonic()
        if now - self._synced_s > SYNC_S:
            os.fdatasync(self._file)
            self._synced_s = now

    def tables(self, entries: Iterable[ManifestEntry]) -> Iterator[dict[str, list[list[Any]]]]:
        """Yield the rows of entries, in their order."""
        with open(self.path, "rb") as file:
            for entry in entries:
                file.seek(entry.at)
                yield json.loads(file.readline()).get("tables", {})

    def close(self) -> None:
        """Close the file, and let others in; a second call has no effect."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def read_batch_manifest(path: Path) -> dict[str, ManifestEntry]:
    """Return the last that a manifest says of each item, by its key; lines that cannot be read are none."""
    found: dict[str, ManifestEntry] = {}
    at = 0
    with suppress(FileNotFoundError), path.open("rb") as file:
        for line in file:
            entry = _read(at, line)
            if entry is not None:
                found[entry[0]] = entry[1]
            at += len(line)
    return found


def _line(item: BatchItem, fingerprint: str, report: TaskReport) -> bytes:
    row = {
        "input": item.path,
        "score": item.score,
        "name": item.name,
        "size": item.size,
        "version": item.version,
        "job": fingerprint,
        "status": report.status,
        "error": report.error,
        "output": report.output,
        "audio_s": round(report.audio_s, 6),
        "cpu_s": report.cpu_s,
        "wall_s": report.wall_s,
        "peak_mb": report.peak_mb,
    }
    if report.tables:
        row["tables"] = report.tables
    return json.dumps(row).encode("ascii") + b"\n"  # names in any bytes survive as escapes


def _entry(at: int, item: BatchItem, fingerprint: str, report: TaskReport) -> ManifestEntry:
    return ManifestEntry(
        at,
        item.name,
        report.status,
        report.error,
        fingerprint,
        item.size,
        item.version,
        report.output,
        report.audio_s,
    )


def _read(at: int, line: bytes) -> tuple[str, ManifestEntry] | None:
    try:
        row = json.loads(line)
        item = BatchItem(row["name"], row["input"], row["score"], int(row["size"]), row["version"])
        report = TaskReport(item.key, item.name, row["status"], row["error"], row["output"], float(row["audio_s"]))
        report.status = sys.intern(report.status)
        return item.key, _entry(at, item, sys.intern(str(row["job"])), report)
    except (ValueError, KeyError, TypeError):
        return None
