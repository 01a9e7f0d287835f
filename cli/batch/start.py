"""Start a batch: what every job does once its own options are read."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
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
from engine.core.errors import ConfigError
from offline.batch.files.found import FoundItems
from offline.batch.files.storage import is_address, remote_storage
from offline.batch.manifest import BatchFolder, ManifestEntry, batch_folder_of
from offline.batch.outputs.places import NoPlace
from offline.batch.outputs.results import ResultFolder, open_results, own_places
from offline.batch.runners.local_pool import LocalPool
from offline.batch.running import BatchOrder, BatchRunner, BatchSummary, run_batch
from offline.batch.task import BatchItem, BatchJob, BatchPlace

__all__ = ["Started", "start_folder_batch", "start_table_batch"]

AGAIN = "--again"
PATIENCE_S = 1.3  # from ctrl-C on: all workers are killed, and what they left is deleted; it ends within two seconds
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


def start_folder_batch(started: Started, output: str) -> int:
    """Run a job that writes a file or folder an item into a folder or behind an address; return the exit status."""
    results = open_results(output)
    order = BatchOrder(
        job=started.job,
        items=started.found.items,
        place=started.place or partial(own_places, results, started.job.ending),
        there=results.names,
        clean=results.clean,
        folder=results.folder,
        words=_words(),
        again=started.running.again,
    )
    with _brought(results):
        return _run(order, started, _runner(started.running, results.clear), [output])


def start_table_batch(started: Started, tables: Mapping[str, str]) -> int:
    """Run a job that fills tables; the batch lies beside the first. Return the exit status.

    Tables behind an address are made on this machine, and written there at the end.
    """
    first = next(iter(tables.values()))
    results = open_results(f"{first}.batch") if is_address(first) else None
    folder = batch_folder_of(Path(os.path.abspath(first)), folder=False) if results is None else results.folder.path
    here = {name: folder / Path(text).name if is_address(text) else Path(text) for name, text in tables.items()}
    order = BatchOrder(
        job=started.job,
        items=started.found.items,
        place=lambda items, entries: [NoPlace()] * len(items),
        folder=BatchFolder(folder),
        tables=here,
        words=_words(),
        again=started.running.again,
    )
    with nullcontext() if results is None else _brought(results):
        status = _run(order, started, _runner(started.running), list(tables.values()))
        for name, text in tables.items():
            if is_address(text) and here[name].is_file():
                remote_storage().upload(here[name], text)
                here[name].unlink()
    return status


@contextmanager
def _brought(results: ResultFolder) -> Iterator[None]:
    """Within this, the manifest goes on from where it was; at the end it is where the results are."""
    results.begin()
    try:
        yield
    finally:
        results.end()


def _runner(running: RunningOptions, clear: Callable[[int], object] = lambda pid: None) -> BatchRunner:
    """Processes of this machine, or a cluster; ConfigError without what the latter needs."""
    if running.cluster is None:
        return LocalPool(running, clear).run
    try:
        from offline.batch.runners.cluster import ClusterPool
    except ImportError as error:
        remedy = "pip install 'collaparte[cluster]'"
        raise ConfigError("--cluster", expected="Dask", got=str(error), remedy=remedy) from error
    return ClusterPool(running.cluster, running.limits, note, clear).run


def _words() -> dict[str, Any]:
    """The command, so that `retry` can give it again."""
    words: list[str] = click.get_current_context(silent=False).find_root().obj or []
    return {"command": [word for word in words if word != AGAIN], "folder": os.getcwd()}


def _run(order: BatchOrder, started: Started, runner: BatchRunner, written: Sequence[str]) -> int:
    for name in started.found.again:
        note(f"{name} is the same file as one before: done once")
    for line in started.found.empty:
        complain(line)
    begun_s = time.monotonic()
    watch = BatchLog() if started.running.log_json else BatchBar()
    with stoppable(PATIENCE_S) as stop, announced_compiling():
        summary = run_batch(order, runner, watch, stop)
        _report(order, started, summary, written, time.monotonic() - begun_s)
        if stop.is_set():
            return INTERRUPTED
    return USER_ERROR if summary.wrong or started.found.empty else 0


def _report(order: BatchOrder, started: Started, summary: BatchSummary, written: Sequence[str], seconds: float) -> None:
    """Say what was written, what failed, and what became of everything."""
    if summary.stopped:
        note(f"{summary.stopped} not done: the same command again does the rest")
    else:
        wrote((each if is_address(each) else Path(each) for each in written), then=started.then)
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
