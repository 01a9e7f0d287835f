"""The options of `collaparte align`."""

from __future__ import annotations

import argparse
from pathlib import Path

from offline.following.feature_names import FEATURES, WORDS

__all__ = ["EXAMPLES", "HELP", "add_options"]

HELP = "Say when each onset of a score sounds in a recording, from the whole file."
EXAMPLES = """\
examples:
  collaparte align piece.musicxml take.flac -o take.csv --plot take.png
  collaparte align rehearsal.flac take.flac -o take.csv      a recording as the score: a quarter is a second of it
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Score, recording, where to."""
    add = parser.add_argument
    add("score", type=Path, metavar="SCORE", help="MusicXML, MXL, MIDI, or another recording of the same music")
    add("audio", type=Path, metavar="AUDIO", help="the recording")
    add("-o", "--output", type=Path, required=True, metavar="CSV", help="quarter,score_s,audio_s: a row an onset")
    add("--features", choices=FEATURES, default=FEATURES[0], help=WORDS)
    add("--plot", type=Path, metavar="PNG", help="draw the path")
    add("--truth", type=Path, metavar="CSV", help="quarter,audio_s: draw the errors too")
    add("--straight", action="store_true", help="do not look for parts left out or played again")
