"""Separate many files into stems, with a progress bar; one bad file does not stop the others."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from engine.core.whole_file import discard_stale
from offline.batch.jobs.stems import Separation, StemsJob
from offline.batch.output_folders import StemFolder, StemJob
from offline.batch.outputs.stem_places import stem_places
from offline.batch.runners.perform import perform_here
from offline.batch.task import BatchItem, BatchPlace, TaskReport, TaskStatus

__all__ = ["SeparatedFiles", "separate_files"]


@dataclass(slots=True)
class SeparatedFiles:
    """What became of the files.

    done: folders that were written
    short: how many of them come from files that were cut off
    failed: files that could not be separated
    """

    done: list[Path] = field(default_factory=list)
    short: int = 0
    failed: int = 0


def separate_files(
    files: Sequence[Path], output: Path, separation: Separation, *, job: StemJob, stop: threading.Event
) -> SeparatedFiles:
    """Separate every file into its folder of stems, which appears whole; each failure is reported in one line.

    OutputError, before anything is written, if the disk has no room for all stems.
    """
    result = SeparatedFiles()
    discard_stale(output)
    places = stem_places(files, output, separation, job)
    items = [BatchItem(name=file.name, path=str(file)) for file in files]
    with tqdm(total=len(files), unit="file", disable=len(files) < 2) as bar:
        for i, report in enumerate(perform_here(StemsJob(separation=separation), items, places, stop)):
            bar.update()
            _count(report, places[i], result)
    return result


def _count(report: TaskReport, place: BatchPlace, result: SeparatedFiles) -> None:
    if isinstance(place, StemFolder) and report.done:
        result.done.append(place.path)
        result.short += report.status == TaskStatus.SHORT
    else:
        result.failed += 1
    if report.error:
        say(report.error)


def say(line: str) -> None:
    """Print one line about a file on standard error, above the bars."""
    tqdm.write(f"collaparte: {line}", file=sys.stderr)
