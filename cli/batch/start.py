"""Start a batch: what every job does once its own options are read."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click

from cli.batch.options import RunningOptions
from cli.batch.progress import BatchBar, BatchLog
from cli.terminal.kernels import announced_compiling
from cli.terminal.report import complain, note, wrote
from cli.terminal.stopping import INTERRUPTED, USER_ERROR, stoppable
from engine.core.whole_file import discard_of, discard_stale
from offline.batch.inputs import FoundItems
from offline.batch.local_pool import LocalPool
from offline.batch.manifest import BatchFolder, ManifestEntry, batch_folder_of
from offline.batch.places import FilePlace, NoPlace
from offline.batch.planning import output_names
from offline.batch.running import BatchOrder, BatchRunner, BatchSummary, run_batch
from offline.batch.task import BatchItem, BatchJob, BatchPlace

__all__ = ["Started", "start_folder_batch", "start_table_batch"]

AGAIN = "--again"
Placing = Callable[[Sequence[BatchItem], Mapping[str, ManifestEntry]], Sequence[BatchPlace]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """What a job starts with.

    then: a next step, said at the end
    place: chooses folders for results, where the usual names will not do
    """

    job: BatchJob
    found: FoundItems
    running: RunningOptions
    then: str = ""
    place: Placing | None = None


def start_folder_batch(started: Started, output: Path) -> int:
    """Run a job that writes a file or folder an item into a folder; return the exit status."""
    root = Path(os.path.abspath(output))
    order = BatchOrder(
        job=started.job,
        items=started.found.items,
        place=started.place or partial(_in_folder, root, started.job.ending),
        there=partial(_names_in, root),
        folder=BatchFolder(batch_folder_of(root, folder=True)),
        words=_words(),
        again=started.running.again,
    )
    discard_stale(root, age_s=0)
    return _run(order, started, LocalPool(started.running, partial(_clear, root)).run, [output])


def start_table_batch(started: Started, tables: Mapping[str, Path]) -> int:
    """Run a job that fills tables; the batch lies beside the first. Return the exit status."""
    first = Path(os.path.abspath(next(iter(tables.values()))))
    order = BatchOrder(
        job=started.job,
        items=started.found.items,
        place=lambda items, entries: [NoPlace()] * len(items),
        folder=BatchFolder(batch_folder_of(first, folder=False)),
        tables=tables,
        words=_words(),
        again=started.running.again,
    )
    return _run(order, started, LocalPool(started.running).run, list(tables.values()))


def _clear(root: Path, process: int) -> None:
    discard_of(process, root)


def _in_folder(
    root: Path, ending: str, items: Sequence[BatchItem], entries: Mapping[str, ManifestEntry]
) -> list[BatchPlace]:
    return [FilePlace(root, name) for name in output_names(items, ending, entries)]


def _names_in(root: Path) -> frozenset[str]:
    return frozenset(os.listdir(root)) if root.is_dir() else frozenset()


def _words() -> dict[str, Any]:
    """The command, so that `retry` can give it again."""
    words: list[str] = click.get_current_context(silent=False).find_root().obj or []
    return {"command": [word for word in words if word != AGAIN], "folder": os.getcwd()}


def _run(order: BatchOrder, started: Started, runner: BatchRunner, written: Sequence[Path]) -> int:
    for name in started.found.again:
        note(f"{name} is the same file as one before: done once")
    for line in started.found.empty:
        complain(line)
    begun_s = time.monotonic()
    watch = BatchLog() if started.running.log_json else BatchBar()
    with stoppable() as stop, announced_compiling():
        summary = run_batch(order, runner, watch, stop)
        _report(order, started, summary, written, time.monotonic() - begun_s)
        if stop.is_set():
            return INTERRUPTED
    return USER_ERROR if summary.wrong or started.found.empty else 0


def _report(
    order: BatchOrder, started: Started, summary: BatchSummary, written: Sequence[Path], seconds: float
) -> None:
    """Say what was written, what failed, and what became of everything."""
    if summary.stopped:
        note(f"{summary.stopped} not done: the same command again does the rest")
    else:
        wrote(written, then=started.then)
    if summary.failed:
        note(f"{len(summary.failed)} failed: {order.folder.failures}")
    if summary.audio_s:
        speed = summary.audio_s / max(seconds, 1e-9)
        note(f"{summary.audio_s / 3600:.2f} h of audio in {seconds:.0f} s: {speed:.0f} times real time")
    note(_counts(summary, started.found.omissions))


def _counts(summary: BatchSummary, omissions: str) -> str:
    doubtful = f" ({summary.counts['short']} of them cut off or doubtful)" if summary.counts["short"] else ""
    parts = [f"{summary.done} done{doubtful}", f"{len(summary.failed)} failed"]
    parts += [f"{summary.plan.skipped} done before"] if summary.plan.skipped else []
    parts += [f"{summary.stopped} not done"] if summary.stopped else []
    return ", ".join([*parts, omissions or "0 left out"])
