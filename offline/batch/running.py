"""Run a batch: plan it, hand its tasks to a runner, keep the manifest, and write the tables when all is done."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from engine.core.table_log import table_text
from engine.core.whole_file import whole_text
from offline.batch.fingerprints import job_fingerprint
from offline.batch.manifest import BatchFolder, Manifest, ManifestEntry, read_batch_manifest
from offline.batch.outputs.tables import write_batch_table
from offline.batch.planning import BatchPlan, plan_batch
from offline.batch.task import BatchItem, BatchJob, BatchPlace, BatchTask, TaskReport, TaskStatus

__all__ = ["FAILURE_HEADER", "BatchOrder", "BatchRunner", "BatchSummary", "BatchWatcher", "run_batch"]

FAILURE_HEADER = ("filename", "input", "status", "error")

BatchRunner = Callable[[Iterable[BatchTask], threading.Event], Iterator[TaskReport]]
Placing = Callable[[Sequence[BatchItem], Mapping[str, ManifestEntry]], Sequence[BatchPlace]]


class BatchWatcher(Protocol):
    """Sees what becomes of a batch."""

    def on_plan(self, plan: BatchPlan) -> None:
        """Take note of what is to be done."""
        ...

    def on_report(self, item: BatchItem, report: TaskReport) -> None:
        """Take note of what became of an item."""
        ...

    def on_idle(self) -> None:
        """Nothing comes any more from the runner."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOrder:
    """What is asked for.

    place: chooses where the results of items go, given what the manifest says
    there: names of the results that exist; None where there are none but rows
    clean: deletes what killed processes have left, once no other batch can be at work there
    tables: where the tables of the job go, by their names
    folder: of the batch
    words: what is kept so that `retry` can do the same again
    again: whether what failed before is tried again
    """

    job: BatchJob
    items: Sequence[BatchItem]
    place: Placing
    folder: BatchFolder
    there: Callable[[], Collection[str]] | None = None
    clean: Callable[[], object] = lambda: None
    tables: Mapping[str, Path] = field(default_factory=dict)
    words: Mapping[str, Any] = field(default_factory=dict)
    again: bool = False


@dataclass(slots=True)
class BatchSummary:
    """What became of a batch.

    plan: what was to be done
    counts: by status, of those that were done now
    failed: what the manifest says of the items that have no result
    stopped: how many were not begun, or not finished
    audio_s: seconds of audio that were done now
    """

    plan: BatchPlan
    counts: Counter[str] = field(default_factory=Counter)
    failed: list[ManifestEntry] = field(default_factory=list)
    stopped: int = 0
    audio_s: float = 0.0

    @property
    def done(self) -> int:
        """Return how many were done now."""
        return sum(self.counts[status] for status in TaskStatus.DONE)

    @property
    def wrong(self) -> bool:
        """Return whether any has no result, or one that is not to be relied on."""
        return bool(self.failed or self.counts[TaskStatus.SHORT])


def run_batch(order: BatchOrder, runner: BatchRunner, watch: BatchWatcher, stop: threading.Event) -> BatchSummary:
    """Do what is left of a batch, and return what became of it; a stop leaves the rest for the next time.

    EngineError if the job cannot begin, the disk is full, or another batch is at work in the same folder.
    """
    fingerprint = job_fingerprint(order.job)
    with Manifest(order.folder.manifest) as manifest:
        order.clean()
        kept = {"job": order.job.kind, "fingerprint": fingerprint, "inputs": len(order.items)}
        order.folder.write_plan(kept | dict(order.words))
        entries = read_batch_manifest(order.folder.manifest)
        there = None if order.there is None else order.there()
        plan = plan_batch(order.items, fingerprint, entries, there=there, again=order.again)
        watch.on_plan(plan)
        summary = BatchSummary(plan)
        by_key = {order.items[i].key: order.items[i] for i in plan.todo}
        for report in runner(_tasks(order, plan, fingerprint, entries), stop):
            item = by_key[report.key]
            entries[report.key] = manifest.append(item, fingerprint, report)
            summary.counts[report.status] += 1
            summary.audio_s += report.audio_s
            watch.on_report(item, report)
        watch.on_idle()
        _count(order, entries, summary)
        if not stop.is_set():
            _finish(order, manifest, entries)
    return summary


def _tasks(
    order: BatchOrder, plan: BatchPlan, fingerprint: str, entries: Mapping[str, ManifestEntry]
) -> Iterator[BatchTask]:
    """The tasks, the largest first, each made when it is its turn."""
    places = order.place(order.items, entries) if plan.todo else ()
    for i in plan.first_largest:
        yield BatchTask(order.job, fingerprint, order.items[i], places[i])


def _count(order: BatchOrder, entries: Mapping[str, ManifestEntry], summary: BatchSummary) -> None:
    known = (entries.get(item.key) for item in order.items)
    summary.failed = [entry for entry in known if entry is not None and not entry.done]
    summary.stopped = len(summary.plan.todo) - summary.counts.total()


def _finish(order: BatchOrder, manifest: Manifest, entries: Mapping[str, ManifestEntry]) -> None:
    """Write what stands for the whole batch, once nothing is left."""
    _write_failures(order, entries)
    done = [(item.name, entries[item.key]) for item in order.items if entries[item.key].done]
    for table, path in order.tables.items():
        rows = manifest.tables(entry for _, entry in done)
        named = ((name, each.get(table, [])) for (name, _), each in zip(done, rows, strict=True))
        write_batch_table(path, order.job.tables[table], named)


def _write_failures(order: BatchOrder, entries: Mapping[str, ManifestEntry]) -> None:
    rows = [
        (item.name, item.about, entry.status, entry.error)
        for item in order.items
        if (entry := entries.get(item.key)) is not None and not entry.done
    ]
    if rows:
        with whole_text(order.folder.failures) as file:
            file.write(table_text([FAILURE_HEADER, *rows], "\t"))
    else:
        order.folder.failures.unlink(missing_ok=True)
