"""`collaparte tag`: recordings to sound events and tags."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.common import OUTPUT, argument, command, network_file, option, output
from cli.detector_options import DetectorOptions
from cli.terminal.places import WRITES_FILE
from cli.terminal.report import batch_summary, complain, note, wrote
from cli.terminal.stopping import INTERRUPTED, USER_ERROR
from engine.core.config import plain

if TYPE_CHECKING:
    from engine.audio.folders import Found
    from engine.detection.crnn import SoundConfig
    from offline.batch.jobs.tags import TagJob
    from offline.batch.task import Rows

__all__ = ["TagOptions", "detector_of_files", "tag_command"]

EXAMPLES = """\
examples:
  collaparte tag kitchen.wav                                  events on standard output
  collaparte tag recordings/ -o events.tsv --tags tags.csv
  collaparte tag night.flac --model mine.onnx --threshold 0.3 -o events.tsv

EVENTS.tsv has one row per event: filename, onset, offset (seconds), event_label, as in DCASE. TAGS.csv has one row
for each label of a recording: filename, label, probability. Each recording is written as soon as it is done, so that a
stop keeps it. A file that cannot be read is reported in one line, and the others are processed.
"""
STANDARD_OUTPUT = Path("-")


@dataclass(frozen=True, slots=True, kw_only=True)
class TagOptions(DetectorOptions):
    """Options of `collaparte tag`."""

    files: tuple[Path, ...] = argument("FILE|FOLDER...", "recordings, or folders of them")
    output: Path | None = output("EVENTS.tsv", "write the events here, not to standard output", None)
    tags: Path | None = option(
        plain(None, "write the labels of each recording here"), metavar="TAGS.csv", group=OUTPUT, writes=WRITES_FILE
    )


@command(TagOptions, EXAMPLES)
def tag_command(options: TagOptions) -> int:
    """Tag every recording, and write each as it comes; USER_ERROR if one could not be read or was cut off."""
    from engine.audio.folders import find_recordings
    from offline.batch.jobs.tags import TagJob
    from offline.batch.output_folders import results_below

    found = find_recordings(options.files, skip=[each for path in options.files for each in results_below(path)])
    job = TagJob(detect=detector_of_files(options))
    for name in found.again:
        note(f"{name} is the same file as one before: done once")
    for error in found.empty:
        complain(str(error))
    counts: Counter[str] = Counter(failed=len(found.empty))
    stopped = False
    try:
        _tag(options, job, found.files, counts)
    except KeyboardInterrupt:
        stopped = True
    _report(options, counts, len(found.files) + len(found.empty), found.omissions)
    return INTERRUPTED if stopped else USER_ERROR if counts["failed"] or counts["short"] else 0


def _tag(options: TagOptions, job: TagJob, files: list[Found], counts: Counter[str]) -> None:
    """Tag the files and count what became of them."""
    from tqdm import tqdm

    from offline.batch.outputs.places import NoPlace
    from offline.batch.runners.perform import perform_here
    from offline.batch.task import BatchItem, TaskStatus

    items = [BatchItem(name, str(path)) for name, path in files]
    with ExitStack() as stack, tqdm(total=len(files), unit="file", disable=len(files) < 2) as bar:
        write = _writer(options, job, stack)
        for report in perform_here(job, items, [NoPlace()] * len(items), threading.Event()):
            bar.update()
            if report.error:
                bar.write(f"collaparte: {report.error}", file=sys.stderr)
            if not report.done:
                counts["failed"] += 1
                continue
            n_events = write(report.name, report.tables)
            counts.update(done=1, events=n_events, short=report.status == TaskStatus.SHORT)


def detector_of_files(options: Any) -> SoundConfig:
    """The detector that --model, --threshold, --median and --embedding ask for, of `tag` or `evaluate detection`."""
    from offline.detection.presets import DETECTORS, file_config, parse_embeddings

    return file_config(
        None if options.model is None else network_file("--model", options.model, list(DETECTORS)),
        threshold=options.threshold,
        alignment=options.median,
        embeddings=parse_embeddings(options.embedding),
    )


def _writer(options: TagOptions, job: TagJob, stack: ExitStack) -> Callable[[str, Rows], int]:
    """What writes the rows of a recording wherever the options want them, and counts its events."""
    from engine.core.table_log import TableLog, table_text
    from offline.batch.jobs.tags import EVENT_TABLE, TAG_TABLE
    from offline.batch.outputs.tables import table_cells

    of_events, of_tags = job.tables[EVENT_TABLE], job.tables[TAG_TABLE]
    events = tags = None
    if _to_file(options):
        events = stack.enter_context(TableLog(str(options.output), of_events.columns, delimiter="\t"))
    if options.tags is not None:
        tags = stack.enter_context(TableLog(options.tags, of_tags.columns))
    prints = events is None and (options.output is not None or tags is None)
    if prints:
        sys.stdout.write(table_text([of_events.columns], "\t"))

    def write(name: str, rows: Rows) -> int:
        cells = table_cells(of_events, name, rows[EVENT_TABLE])
        if events is not None:
            events.write(cells)
        if tags is not None:
            tags.write(table_cells(of_tags, name, rows[TAG_TABLE]))
        if prints:
            sys.stdout.write(table_text(cells, "\t"))
            sys.stdout.flush()
        return len(rows[EVENT_TABLE])

    return write


def _to_file(options: TagOptions) -> bool:
    return options.output not in (None, STANDARD_OUTPUT)


def _report(options: TagOptions, counts: Counter[str], n: int, left_out: str) -> None:
    """Say what was found, where it is, and what became of the files."""
    note(f"{counts['events']} events in {counts['done']} recordings")
    then = "" if options.output or options.tags else "add -o events.tsv to keep the events, --tags tags.csv for labels"
    if counts["done"]:
        wrote([options.output if _to_file(options) else None, options.tags], then=then)
    not_begun = n - counts["done"] - counts["failed"]
    batch_summary(
        done=counts["done"], short=counts["short"], failed=counts["failed"], stopped=not_begun, left_out=left_out
    )
