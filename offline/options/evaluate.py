"""The options of `collaparte evaluate WHAT`: each WHAT has its own."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

__all__ = ["EXAMPLES", "HELP", "MEASURES", "add_options"]

HELP = "Measure following, alignment or separation over a folder of recordings with their truth."
EXAMPLES = """\
A piece is a folder with score.musicxml (or .mxl, .mid), performance.wav (or .flac, .ogg) and truth.csv (columns
quarter,audio_s). A song is a folder with drums.wav and its other stems.

examples:
  collaparte evaluate follow demo/
  collaparte evaluate align demo/ --csv table.csv --plots pictures/
  collaparte evaluate hpss songs/
  collaparte evaluate siamese pieces/ --networks runs/ --csv table.csv
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """One parser for each measure."""
    measures = parser.add_subparsers(required=True, metavar="WHAT", dest="what")
    for name, (words, add) in MEASURES.items():
        add(measures.add_parser(name, help=words, description=words))


def _folder(parser: argparse.ArgumentParser, words: str = "of pieces") -> None:
    parser.add_argument("folder", type=Path, metavar="FOLDER", help=f"a folder {words}")


def _csv(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the table here too")


def _follow(parser: argparse.ArgumentParser) -> None:
    _folder(parser)
    _csv(parser)
    parser.add_argument("--plots", type=Path, metavar="DIR", help="draw each piece's path and errors")


def _align(parser: argparse.ArgumentParser) -> None:
    _follow(parser)
    parser.add_argument("--features", choices=["bands", "chroma"], default="bands", help="what to align by")


def _hpss(parser: argparse.ArgumentParser) -> None:
    _folder(parser, "of songs in stems")
    _csv(parser)
    parser.add_argument("--start", type=float, default=0.0, metavar="S", help="leave out so much of each song")
    parser.add_argument("--seconds", type=float, metavar="S", help="so much of each song, by default all")


def _siamese(parser: argparse.ArgumentParser) -> None:
    _folder(parser)
    _csv(parser)
    parser.add_argument("--networks", type=Path, metavar="DIR", help="runs of `train siamese`, a folder each")
    parser.add_argument("--live", type=Path, metavar="ONNX", help="the live network's file")


MEASURES: dict[str, tuple[str, Callable[[argparse.ArgumentParser], None]]] = {
    "follow": ("live following, note by note", _follow),
    "jumps": ("following after jumps to known places, and false leaps in clean playing", _folder),
    "align": ("whole-file alignment, note by note", _align),
    "hpss": ("harmonic/percussive separation", _hpss),
    "siamese": ("frame similarity: the table of its paper", _siamese),
}
