"""`collaparte evaluate detection`: tagging and sound event detection."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cli.commands.tag import detector_of_files
from cli.common import DETECT, INPUT, argument, command, csv_file, option
from cli.terminal.completion import sound_detector_names
from cli.terminal.report import batch_summary, wrote
from cli.terminal.stopping import USER_ERROR
from engine.core.config import Settings, choice, plain, ranged
from engine.core.whole_file import whole_text

__all__ = ["EvaluateDetectionOptions", "evaluate_detection_command"]

EXAMPLES = """\
examples:
  collaparte evaluate detection recordings/ --labels recordings/strong.tsv
  collaparte evaluate detection scenes/ --model mine.onnx --csv table.csv
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateDetectionOptions(Settings):
    """Options of `collaparte evaluate detection`."""

    folder: Path = argument("FOLDER", "a folder of recordings with their labels as in DESED, or of mixed scenes")
    labels: Path | None = option(
        plain(None, "filename, onset, offset, event_label (default: found in FOLDER)"), metavar="TSV", group=INPUT
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
    csv: Path | None = csv_file()


@command(EvaluateDetectionOptions, EXAMPLES)
def evaluate_detection_command(options: EvaluateDetectionOptions) -> int:
    """Print the table."""
    from offline.datasets.desed import find_labels, read_labels
    from offline.datasets.scenes import open_scene_set
    from offline.detection.tagging import Tagger
    from offline.evaluation.detection.sound_event_report import (
        detect_recordings,
        detect_scenes,
        format_event_table,
        label_metrics,
        sound_event_metrics,
    )

    tagger = Tagger(detector_of_files(options))
    if (options.folder / "set.json").is_file():
        clips = detect_scenes(open_scene_set(options.folder), tagger)
    else:
        labels = find_labels(options.folder) if options.labels is None else read_labels(options.labels)
        if unknown := sorted(labels.labels - set(tagger.classes)):
            print(f"the network does not know: {', '.join(unknown)}")
        clips = detect_recordings(options.folder, labels, tagger)
    rows = format_event_table(sound_event_metrics(clips, tagger), label_metrics(clips, tagger.classes))
    width = max(len(row[0]) for row in rows)
    for row in rows:
        print(row[0].ljust(width), *(cell.rjust(10) for cell in row[1:]))
    if options.csv is not None:
        with whole_text(options.csv) as file:
            file.writelines(",".join(row) + "\n" for row in rows)
    wrote([options.csv])
    batch_summary(done=len(clips.reference), failed=len(clips.failed))
    return USER_ERROR if clips.failed else 0
