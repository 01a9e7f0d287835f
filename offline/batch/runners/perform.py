"""Perform a task in whatever process it has come to: one function, for every job and every runner."""

from __future__ import annotations

import itertools
import resource
import threading
import time
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from engine.core.errors import EngineError
from engine.core.whole_file import write_error
from offline.batch.files.storage import local_files
from offline.batch.task import (
    BatchItem,
    BatchJob,
    BatchPlace,
    BatchTask,
    Outcome,
    Pulse,
    TaskReport,
    TaskStatus,
    TaskStopped,
    Work,
)

__all__ = ["perform_here", "perform_task"]

_count = itertools.count()
_begun: dict[str, Work] = {}  # of the job that this process works on


def perform_task(task: BatchTask, pulse: Pulse | None = None) -> TaskReport:
    """Do the job to the item and return what became of it; nothing but a stop of the user's gets out of here."""
    item, pulse = task.item, pulse or Pulse()
    report = TaskReport(item.key, item.name, TaskStatus.FAILED)
    with _measured(report):
        try:
            work = _work(task)
        except EngineError as error:
            report.status, report.cause = TaskStatus.UNUSABLE, error
            return report
        try:
            _take(report, _done(task, work, pulse))
            report.output = task.place.name
        except TaskStopped:
            report.status = TaskStatus.STOPPED
        except EngineError as error:
            report.error = str(error.about(item.about))
        except OSError as error:
            report.error = str(write_error(item.about, error))
        except Exception as error:  # of a file that nobody has thought of: the others go on
            report.error = str(_unexpected(item.about, error))
    return report


def perform_here(
    job: BatchJob, items: Iterable[BatchItem], places: Iterable[BatchPlace], stop: threading.Event
) -> Iterator[TaskReport]:
    """Do the job to one item after the other in this process; what the user stops ends it, and is not reported.

    EngineError if the job cannot begin.
    """
    name = f"here {next(_count)}"
    for item, place in zip(items, places, strict=True):
        if stop.is_set():
            return
        report = perform_task(BatchTask(job, name, item, place), Pulse(stop))
        if report.status == TaskStatus.STOPPED:
            return
        yield report.usable()


def _work(task: BatchTask) -> Work:
    """The job with its models loaded; loaded anew only where it is another job."""
    if task.fingerprint not in _begun:
        _begun.clear()
        _begun[task.fingerprint] = task.job.begin()
    return _begun[task.fingerprint]


def _done(task: BatchTask, work: Work, pulse: Pulse) -> Outcome:
    with local_files(task.item) as files, task.place.fill() as part:
        outcome = work(task.item, files, part, pulse)
        if pulse.stop.is_set():
            raise TaskStopped
    return outcome


def _take(report: TaskReport, outcome: Outcome) -> None:
    report.status = TaskStatus.SHORT if outcome.shortfall else TaskStatus.OK
    report.error, report.audio_s = outcome.shortfall, outcome.audio_s
    report.tables, report.said = outcome.tables, outcome.said


def _unexpected(where: str, error: Exception) -> EngineError:
    if isinstance(error, MemoryError):
        return EngineError(where, expected="enough memory", got="none left", remedy="try fewer --workers")
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    got = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}{place}"
    return EngineError(where, expected="a recording that can be processed", got=got, remedy="please report this")


@dataclass(slots=True)
class _Clock:
    wall_s: float = field(default_factory=time.perf_counter)
    cpu_s: float = field(default_factory=time.process_time)


@contextmanager
def _measured(report: TaskReport) -> Iterator[None]:
    """Fill in what the task costs."""
    clock = _Clock()
    _forget_peak()
    try:
        yield
    finally:
        report.wall_s = round(time.perf_counter() - clock.wall_s, 4)
        report.cpu_s = round(time.process_time() - clock.cpu_s, 4)
        report.peak_mb = _peak_mb()


def _forget_peak() -> None:
    """Begin to measure the peak of the memory anew, where the system can."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak_mb() -> float:
    with suppress(OSError, StopIteration):
        lines = Path("/proc/self/status").read_text().splitlines()
        return round(int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024, 1)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
