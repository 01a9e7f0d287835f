"""`collaparte evaluate detection`: tagging and sound event detection."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cli.commands.tag import detector_of_files
from cli.common import INPUT, argument, command, csv_file, option
from cli.detector_options import DetectorOptions, detector_model
from cli.evaluate.tables import write_rows
from cli.terminal.report import batch_summary
from cli.terminal.stopping import USER_ERROR
from engine.core.config import plain

if TYPE_CHECKING:
    from offline.datasets.desed import LabelFile

__all__ = ["EvaluateDetectionOptions", "evaluate_detection_command"]

EXAMPLES = """\
examples:
  collaparte evaluate detection recordings/ --labels recordings/strong.tsv
  collaparte evaluate detection scenes/ --model mine.onnx --csv table.csv
  collaparte data scenes sounds/ -o scenes/ --audio --which test --scenes 80
  collaparte evaluate detection scenes/ --live
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateDetectionOptions(DetectorOptions):
    """Options of `collaparte evaluate detection`."""

    folder: Path = argument("FOLDER", "a folder of recordings with their labels as in DESED, or of mixed scenes")
    labels: Path | None = option(
        plain(None, "filename, onset, offset, event_label (default: found in FOLDER)"), metavar="TSV", group=INPUT
    )
    model: str | None = detector_model("crnn-files (default; with --live crnn), crnn")
    live: bool = plain(
        False, "as live: how many sounds are told, how soon after they begin, and what is told of nothing"
    )
    csv: Path | None = csv_file()


@command(EvaluateDetectionOptions, EXAMPLES)
def evaluate_detection_command(options: EvaluateDetectionOptions) -> int:
    """Print the table."""
    return _as_live(options) if options.live else _whole(options)


def _whole(options: EvaluateDetectionOptions) -> int:
    """Tag whole recordings, or scenes."""
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
        clips = detect_recordings(options.folder, _labels(options, tagger.classes), tagger)
    write_rows(
        format_event_table(sound_event_metrics(clips, tagger), label_metrics(clips, tagger.classes)), options.csv
    )
    batch_summary(done=len(clips.reference), failed=len(clips.failed))
    return USER_ERROR if clips.failed else 0


def _labels(options: EvaluateDetectionOptions, classes: Collection[str]) -> LabelFile:
    """Read the labels, and say which of them the network does not know."""
    from offline.datasets.desed import find_labels, read_labels

    labels = find_labels(options.folder) if options.labels is None else read_labels(options.labels)
    if unknown := sorted(labels.labels - set(classes)):
        print(f"the network does not know: {', '.join(unknown)}")
    return labels


def _as_live(options: EvaluateDetectionOptions) -> int:
    """Run the live detector over recordings, with its live decisions."""
    from offline.detection.presets import detect_config, parse_embeddings
    from offline.evaluation.detection.live_sound_events import LiveListener, format_telling, tell_recordings

    config = detect_config(
        options.model,
        threshold=options.threshold,
        alignment=options.median,
        embeddings=parse_embeddings(options.embedding),
    )
    listener = LiveListener(config)
    clips, failed = tell_recordings(options.folder, _labels(options, listener.classes), listener)
    write_rows(format_telling(clips), options.csv)
    batch_summary(done=len(clips.reference), failed=failed)
    return USER_ERROR if failed else 0
