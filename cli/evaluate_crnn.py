"""`collaparte evaluate crnn`: tagging and sound event detection."""

from __future__ import annotations

import argparse

from offline.datasets.desed import find_labels, read_labels
from offline.datasets.scenes import open_scene_set
from offline.detection.presets import file_config
from offline.detection.tagging import Tagger
from offline.evaluation.sound_event_report import (
    by_label,
    format_event_table,
    hear_recordings,
    hear_scenes,
    sound_event_metrics,
)

__all__ = ["command"]


def command(args: argparse.Namespace) -> int:
    """Print the table."""
    tagger = Tagger(file_config(args))
    if (args.folder / "set.json").is_file():
        heard = hear_scenes(open_scene_set(args.folder), tagger)
    else:
        labels = find_labels(args.folder) if args.labels is None else read_labels(args.labels)
        if unknown := sorted(labels.labels - set(tagger.classes)):
            print(f"the network knows nothing of: {', '.join(unknown)}")
        heard = hear_recordings(args.folder, labels, tagger)
    rows = format_event_table(sound_event_metrics(heard, tagger), by_label(heard, tagger.classes))
    width = max(len(row[0]) for row in rows)
    for row in rows:
        print(row[0].ljust(width), *(cell.rjust(10) for cell in row[1:]))
    if args.csv is not None:
        args.csv.write_text("".join(",".join(row) + "\n" for row in rows), encoding="utf-8")
    return 0
