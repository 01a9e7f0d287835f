"""`collaparte tag`: recordings to sound events and tags."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.common import DETECT, OUTPUT, argument, command, network_file, option, output
from cli.terminal.completion import sound_detector_names
from cli.terminal.report import note, wrote
from cli.terminal.stopping import USER_ERROR
from engine.core.config import Settings, choice, plain, ranged
from engine.core.errors import AudioFileError

if TYPE_CHECKING:
    from engine.detection.crnn import SoundConfig
    from offline.detection.tagging import Tagged

__all__ = ["TagOptions", "detector_of_files", "tag_command"]

EXAMPLES = """\
examples:
  collaparte tag kitchen.wav                                  events on standard output
  collaparte tag recordings/ -o events.tsv --tags tags.csv
  collaparte tag night.flac --model mine.onnx --threshold 0.3 -o events.tsv

EVENTS.tsv has one row per event: filename, onset, offset (seconds), event_label, as in DCASE. TAGS.csv has one row
for each label of a recording: filename, label, probability. A file that cannot be read is reported in one line, and the
others are processed.
"""
STANDARD_OUTPUT = Path("-")


@dataclass(frozen=True, slots=True, kw_only=True)
class TagOptions(Settings):
    """Options of `collaparte tag`."""

    files: tuple[Path, ...] = argument("FILE|FOLDER...", "recordings, or folders of them")
    output: Path | None = output("EVENTS.tsv", "write the events here, not to standard output", None)
    tags: Path | None = option(plain(None, "write the labels of each recording here"), metavar="TAGS.csv", group=OUTPUT)
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
    """Tag every recording; USER_ERROR if one could not be read."""
    from tqdm import tqdm

    from offline.detection.tagging import Tagger, find_recordings, tag_files

    tagger, files = Tagger(detector_of_files(options)), find_recordings(options.files)
    for path in (None if options.output == STANDARD_OUTPUT else options.output, options.tags):
        _writable(path)
    found: dict[str, Tagged] = {}
    with tqdm(total=len(files), unit="file", disable=len(files) < 2) as bar:
        for name, tagged in tag_files(files, tagger, lambda line: bar.write(line, file=sys.stderr)):
            bar.update()
            if tagged is not None:
                found[name] = tagged
    _write(options, found)
    return 0 if len(found) == len(files) else USER_ERROR


def detector_of_files(options: Any) -> SoundConfig:
    """The detector that --model, --threshold, --median and --embedding ask for, of `tag` or `evaluate detection`."""
    from offline.detection.presets import DETECTORS, file_config, parse_embeddings

    return file_config(
        None if options.model is None else network_file("--model", options.model, list(DETECTORS)),
        threshold=options.threshold,
        alignment=options.median,
        embeddings=parse_embeddings(options.embedding),
    )


def _write(options: TagOptions, found: dict[str, Tagged]) -> None:
    from offline.datasets.scenes import tsv_rows, write_tsv
    from offline.detection.tagging import write_tags

    events = {name: of.events for name, of in found.items()}
    to_file = options.output is not None and options.output != STANDARD_OUTPUT
    if options.tags is not None:
        write_tags(options.tags, {name: of.tags for name, of in found.items()})
    if to_file and options.output is not None:
        write_tsv(options.output, events)
    elif options.output is not None or options.tags is None:
        sys.stdout.writelines("\t".join(row) + "\n" for row in tsv_rows(events))
    n = sum(map(len, events.values()))
    note(f"{n} events in {len(found)} recordings")
    then = "" if options.output or options.tags else "add -o events.tsv to keep the events, --tags tags.csv for labels"
    wrote([options.output if to_file else None, options.tags], then=then)


def _writable(path: Path | None) -> None:
    """Say at once if a result could not be written, before minutes of work."""
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("a").close()
    except OSError as error:
        raise AudioFileError(str(path), expected="a place to write", got=error.strerror or "an error") from error
