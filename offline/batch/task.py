"""What a batch is made of: items, a job that is done to each of them, and what became of it.

A job is a settings dataclass in an importable module: it holds nothing but what its results depend on, so that it can
be sent to any process. A task is a job and an item; performing it is a function of these alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from engine.core.errors import EngineError

__all__ = [
    "BatchItem",
    "BatchJob",
    "BatchPlace",
    "BatchTask",
    "LocalFiles",
    "Outcome",
    "Pulse",
    "Rows",
    "TableSpec",
    "TaskReport",
    "TaskStatus",
    "TaskStopped",
    "Work",
]

Rows = dict[str, list[list[Any]]]  # of tables by name, without the name of the item


class TaskStatus:
    """What may become of a task.

    OK: done
    SHORT: done, of a file that was cut off
    FAILED: an error of the item's own
    KILLED: it took its worker down, its memory or its time
    STOPPED: the user asked to stop
    UNUSABLE: the job itself cannot begin, whatever the item
    """

    OK, SHORT, FAILED, KILLED, STOPPED, UNUSABLE = "ok", "short", "failed", "killed", "stopped", "unusable"
    DONE = (OK, SHORT)


class TaskStopped(Exception):
    """The user asked to stop: what is half done is no result."""


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One input of a batch.

    name: as in tables and messages; unique in the batch
    path: file or URL; empty for what is made of nothing
    score: a second file that belongs to it; empty if none does
    size: bytes of both
    version: tells that their content has changed: times of change, or the tags of a store
    local_score: where this machine has the score, if elsewhere
    """

    name: str
    path: str = ""
    score: str = ""
    size: int = 0
    version: str = ""
    local_score: str = ""

    @property
    def key(self) -> str:
        """Return what stands for the item in the manifest, wherever the batch is started from."""
        return f"{self.path}\t{self.score}" if self.score else self.path or self.name

    @property
    def about(self) -> str:
        """Return what errors about it name."""
        return self.path or self.name


@dataclass(frozen=True, slots=True)
class LocalFiles:
    """The files of an item on this machine."""

    audio: Path
    score: Path


@dataclass(slots=True)
class Pulse:
    """What a task and its runner tell each other while it works.

    stop: set to ask the task to end
    on_audio: told how many seconds of audio the task has before it
    """

    stop: threading.Event = field(default_factory=threading.Event)
    on_audio: Callable[[float], None] = lambda seconds: None


@dataclass(slots=True)
class Outcome:
    """What a task has found, besides the files that it has written.

    audio_s: seconds of audio
    tables: rows by table
    shortfall: what is to say of a file that was cut off; empty if it is whole
    said: lines about the result
    """

    audio_s: float = 0.0
    tables: Rows = field(default_factory=dict)
    shortfall: str = ""
    said: list[str] = field(default_factory=list)


Work = Callable[[BatchItem, LocalFiles, Path, Pulse], Outcome]  # writes to a path that does not exist yet


@dataclass(frozen=True, slots=True)
class TableSpec:
    """A table that a job fills.

    columns: names; the first is that of the item
    numbers: the columns that are numbers, of three decimals
    """

    columns: tuple[str, ...]
    numbers: tuple[str, ...] = ()


class BatchJob(Protocol):
    """What is done to every item."""

    @property
    def kind(self) -> str:
        """Return its name, such as `tag`."""
        ...

    @property
    def ending(self) -> str:
        """Return the suffix of what it writes for an item, `/` for a folder, an empty text for nothing but rows."""
        ...

    @property
    def tables(self) -> Mapping[str, TableSpec]:
        """Return the tables that it fills."""
        ...

    def begin(self) -> Work:
        """Load what it needs, once a worker; EngineError if it cannot."""
        ...


class BatchPlace(Protocol):
    """Where the result of one task goes."""

    @property
    def name(self) -> str:
        """Return its name in the manifest; empty if there is nothing but rows."""
        ...

    def fill(self) -> AbstractContextManager[Path]:
        """Return a path that does not exist yet; what is written there appears whole at the end, or not at all."""
        ...


@dataclass(frozen=True, slots=True)
class BatchTask:
    """A job and an item.

    fingerprint: of the job and the content of its files
    """

    job: BatchJob
    fingerprint: str
    item: BatchItem
    place: BatchPlace


@dataclass(slots=True)
class TaskReport:
    """What became of a task.

    key, name: of its item
    status: one of TaskStatus
    error: one line, or what is to say of a file that was cut off
    output: name of what it has written
    audio_s, cpu_s, wall_s: seconds of audio, of processor, and by the clock
    peak_mb: most memory that its process held meanwhile
    cause: why the job cannot begin
    """

    key: str
    name: str
    status: str
    error: str = ""
    output: str = ""
    audio_s: float = 0.0
    cpu_s: float = 0.0
    wall_s: float = 0.0
    peak_mb: float = 0.0
    tables: Rows = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    cause: EngineError | None = None

    @property
    def done(self) -> bool:
        """Return whether there is a result."""
        return self.status in TaskStatus.DONE

    def usable(self) -> TaskReport:
        """Return the report itself; EngineError if the job could not begin at all."""
        if self.cause is not None:
            raise self.cause
        return self
