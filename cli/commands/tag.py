"""`collaparte tag`: recordings to sound events and tags."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.common import DETECT, OUTPUT, argument, command, network_file, option, output
from cli.terminal.completion import sound_detector_names
from cli.terminal.places import WRITES_FILE
from cli.terminal.report import batch_summary, complain, note, wrote
from cli.terminal.stopping import INTERRUPTED, USER_ERROR
from engine.core.config import Settings, choice, plain, ranged

if TYPE_CHECKING:
    from engine.audio.folders import Found
    from engine.detection.crnn import SoundConfig
    from offline.detection.tagging import Tagged, Tagger

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
class TagOptions(Settings):
    """Options of `collaparte tag`."""

    files: tuple[Path, ...] = argument("FILE|FOLDER...", "recordings, or folders of them")
    output: Path | None = output("EVENTS.tsv", "write the events here, not to standard output", None)
    tags: Path | None = option(
        plain(None, "write the labels of each recording here"), metavar="TAGS.csv", group=OUTPUT, writes=WRITES_FILE
    )
    model: str | None = option(
        plain(None, "the network: crnn-files (default), crnn or a file"),
        metavar="NAME|FILE.onnx",
        group=DETECT,
        names=sound_detector_names,
    )
    threshold: float | None = option(
        ranged(None, 0, 1, "probability at or above which a sound counts (default: tuned for each sound)"),
        metavar="P",
        group=DETECT,
    )
    median: str | None = option(
        choice(None, ("centred", "causal"), "alignment of the median filter (default as tuned)"), group=DETECT
    )
    embedding: tuple[str, ...] = option(
        plain((), "embedding network that is a further input, with its card FILE.toml beside it"),
        metavar="NAME=FILE",
        group=DETECT,
    )


@command(TagOptions, EXAMPLES)
def tag_command(options: TagOptions) -> int:
    """Tag every recording, and write each as it comes; USER_ERROR if one could not be read or was cut off."""
    from engine.audio.folders import find_recordings
    from offline.batch.output_folders import results_below
    from offline.detection.tagging import Tagger

    found = find_recordings(options.files, skip=[each for path in options.files for each in results_below(path)])
    tagger = Tagger(detector_of_files(options))
    for name in found.again:
        note(f"{name} is the same file as one before: done once")
    for error in found.empty:
        complain(str(error))
    counts: Counter[str] = Counter(failed=len(found.empty))
    stopped = False
    try:
        _tag(options, tagger, found.files, counts)
    except KeyboardInterrupt:
        stopped = True
    _report(options, counts, len(found.files) + len(found.empty), found.omissions)
    return INTERRUPTED if stopped else USER_ERROR if counts["failed"] or counts["short"] else 0


def _tag(options: TagOptions, tagger: Tagger, files: list[Found], counts: Counter[str]) -> None:
    """Tag the files and count what became of them."""
    from tqdm import tqdm

    from offline.detection.tagging import tag_files

    with ExitStack() as stack, tqdm(total=len(files), unit="file", disable=len(files) < 2) as bar:
        write = _writer(options, stack)
        for name, tagged in tag_files(files, tagger, lambda line: bar.write(line, file=sys.stderr)):
            bar.update()
            if tagged is None:
                counts["failed"] += 1
                continue
            write(name, tagged)
            counts.update(done=1, events=len(tagged.events), short=bool(tagged.shortfall))


def detector_of_files(options: Any) -> SoundConfig:
    """The detector that --model, --threshold, --median and --embedding ask for, of `tag` or `evaluate detection`."""
    from offline.detection.presets import DETECTORS, file_config, parse_embeddings

    return file_config(
        None if options.model is None else network_file("--model", options.model, list(DETECTORS)),
        threshold=options.threshold,
        alignment=options.median,
        embeddings=parse_embeddings(options.embedding),
    )


def _writer(options: TagOptions, stack: ExitStack) -> Callable[[str, Tagged], None]:
    """What writes the rows of a recording wherever the options want them."""
    from engine.core.table_log import TableLog, table_text
    from offline.datasets.scenes import EVENT_HEADER, event_rows
    from offline.detection.tagging import TAG_HEADER, tag_rows

    events = tags = None
    if _to_file(options):
        events = stack.enter_context(TableLog(str(options.output), EVENT_HEADER, delimiter="\t"))
    if options.tags is not None:
        tags = stack.enter_context(TableLog(options.tags, TAG_HEADER))
    prints = events is None and (options.output is not None or tags is None)
    if prints:
        sys.stdout.write(table_text([EVENT_HEADER], "\t"))

    def write(name: str, tagged: Tagged) -> None:
        rows = event_rows(name, tagged.events)
        if events is not None:
            events.write(rows)
        if tags is not None:
            tags.write(tag_rows(name, tagged.tags))
        if prints:
            sys.stdout.write(table_text(rows, "\t"))
            sys.stdout.flush()

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
