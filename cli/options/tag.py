"""The options of `collaparte tag`."""

from __future__ import annotations

import argparse
from pathlib import Path

__all__ = ["EXAMPLES", "HELP", "add_options"]

HELP = "Say which sounds are in recordings, and when."
EXAMPLES = """\
examples:
  collaparte tag kitchen.wav                                  events on standard output
  collaparte tag recordings/ -o events.tsv --tags tags.csv
  collaparte tag night.flac --model mine.onnx --threshold 0.3 -o events.tsv

EVENTS.tsv has a row an event: filename, onset, offset (seconds), event_label, as in DCASE. TAGS.csv has a row for each
label of a recording: filename, label, probability. A file that cannot be read gets one line, and the rest goes on.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which recordings, by what, where to."""
    add = parser.add_argument
    add("files", nargs="+", type=Path, metavar="FILE|FOLDER", help="recordings, or folders of them")
    add("-o", "--output", type=Path, metavar="EVENTS.tsv", help="write the events here, not on standard output")
    add("--tags", type=Path, metavar="TAGS.csv", help="write the labels of each recording here")
    add("--model", type=Path, metavar="FILE", help="the network, an ONNX file (default the one that ships)")
    add("--threshold", type=float, metavar="P",
        help="probability from which any sound counts, 0 to 1 (default what was tuned for each)")  # fmt: skip
    add("--median", choices=["centred", "causal"], help="which steps the median filter sees (default what was tuned)")
    add("--embedding", action="append", default=[], metavar="NAME=FILE",
        help="an ONNX file that the network hears besides; FILE.toml beside it tells its numbers")  # fmt: skip
