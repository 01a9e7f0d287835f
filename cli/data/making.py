"""What the commands that make data share: the core of batches with one worker, and a bar."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cli.terminal.report import complain

if TYPE_CHECKING:
    from offline.batch.task import BatchItem, BatchJob, BatchPlace, TaskReport

__all__ = ["made_here", "make_missing"]


def made_here(
    job: BatchJob,
    items: Sequence[BatchItem],
    folder: Path,
    unit: str,
    *,
    places: Sequence[BatchPlace] | None = None,
    workers: int = 1,
) -> Iterator[TaskReport]:
    """Make each item in `folder`, where it appears whole; what cannot be made is told in one line.

    places: of the items, by default under their names
    workers: processes; with several the reports come in any order
    """
    from threading import Event

    from tqdm import tqdm

    from offline.batch.outputs.places import FilePlace
    from offline.batch.runners.limits import BatchLimits
    from offline.batch.runners.local_pool import LocalPool
    from offline.batch.runners.perform import perform_here
    from offline.batch.task import BatchTask

    if places is None:
        places = [FilePlace(folder, item.name) for item in items]
    folder.mkdir(parents=True, exist_ok=True)
    if workers == 1:
        reports = perform_here(job, items, places, Event())
    else:
        tasks = (BatchTask(job, job.kind, item, place) for item, place in zip(items, places, strict=True))
        reports = LocalPool(BatchLimits(workers=workers)).run(tasks, Event())
    for report in tqdm(reports, total=len(items), unit=unit):
        if not report.done:
            complain(report.error)
        yield report


def make_missing(job: BatchJob, items: Sequence[BatchItem], folder: Path, unit: str) -> tuple[int, int]:
    """Make those that are not there yet; return how many were made, and how many could not be."""
    new = [item for item in items if not (folder / item.name).exists()]
    done = [report.done for report in made_here(job, new, folder, unit)]
    return sum(done), len(done) - sum(done)
