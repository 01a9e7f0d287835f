"""The options of `collaparte data WHAT`: converters of symbolic corpora."""

from __future__ import annotations

import argparse
from pathlib import Path

__all__ = ["EXAMPLES", "HELP", "add_options"]

HELP = "Turn a corpus of written music into what the generators learn from."
EXAMPLES = """\
examples:
  collaparte data music21 symbolic/                              chorales with fermatas, and tunes, of music21's corpus
  collaparte data midi symbolic/ --source files/                 a folder of MIDI files
  collaparte data mutopia symbolic/ --source MutopiaProject/     guitar music in the public domain, by LilyPond
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which corpus, where from, where to."""
    add = parser.add_argument
    add("what", choices=["music21", "midi", "mutopia"])
    add("out", type=Path, metavar="FOLDER", help="where to write")
    add("--source", type=Path, metavar="DIR", help="of midi: the files; of mutopia: a copy of the project")
    add("--licence", nargs="+", choices=["pd", "by", "by-sa"], default=["pd"], help="of mutopia's pieces (default pd)")
