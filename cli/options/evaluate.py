"""The options of `collaparte evaluate WHAT`: each WHAT has its own."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from cli.options import evaluate_music
from offline.following.feature_names import FEATURES, WORDS

__all__ = ["EXAMPLES", "HELP", "MEASURES", "add_options"]

HELP = "Measure following, alignment or separation over a folder of recordings with their truth."
EXAMPLES = """\
A piece is a folder with score.musicxml (or .mxl, .mid), performance.wav (or .flac, .ogg) and truth.csv (columns
quarter,audio_s). A song is a folder with drums.wav and its other stems.

examples:
  collaparte evaluate follow demo/
  collaparte evaluate align demo/ --csv table.csv --plots pictures/
  collaparte evaluate hpss songs/
  collaparte evaluate unmix songs/ --songs caesium --wiener --csv table.csv
  collaparte evaluate crnn recordings/ --labels recordings/strong.tsv
  collaparte evaluate siamese pieces/ --networks runs/ --csv table.csv
  collaparte evaluate generators --data symbolic/
  collaparte evaluate listening page/ --models Frames Markov --data symbolic/
  collaparte evaluate listening page/ --answers answers.json
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
    _jumps(parser)
    _csv(parser)
    parser.add_argument("--plots", type=Path, metavar="DIR", help="draw each piece's path and errors")


def _jumps(parser: argparse.ArgumentParser) -> None:
    _folder(parser)
    parser.add_argument("--features", choices=FEATURES, default=FEATURES[0], help=WORDS)


def _hpss(parser: argparse.ArgumentParser) -> None:
    _folder(parser, "of songs in stems")
    _csv(parser)
    parser.add_argument("--start", type=float, default=0.0, metavar="S", help="leave out so much of each song")
    parser.add_argument("--seconds", type=float, metavar="S", help="so much of each song, by default all")


def _unmix(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("folder", metavar="FOLDER", help="a folder of songs, each a folder with vocals.wav, drums.wav and so on")
    add("--model", type=Path, action="append", metavar="FILE",
        help="a network, an ONNX file, heavy or low-latency; repeatable (default what ships)")  # fmt: skip
    add("--wiener", action="store_true", help="each network with the Wiener filter, too")
    add("--songs", nargs="+", default=[], metavar="SONG", help="only these")
    add("--start", type=float, default=0.0, metavar="S", help="leave out so much of each song")
    add("--seconds", type=float, metavar="S", help="so much of each song, by default all")
    add("--mono", action="store_true", help="both channels of each stem mixed to one")
    add("--peass", action="store_true", help="perceptual scores, too, by python-peass, an unvalidated port: slow")
    _csv(parser)


def _siamese(parser: argparse.ArgumentParser) -> None:
    _folder(parser)
    _csv(parser)
    parser.add_argument("--networks", type=Path, metavar="DIR", help="runs of `train siamese`, a folder each")
    parser.add_argument("--live", type=Path, metavar="ONNX", help="the live network's file")


def _crnn(parser: argparse.ArgumentParser) -> None:
    _folder(parser, "of recordings with their labels as in DESED, or of mixed scenes")
    _csv(parser)
    add = parser.add_argument
    add("--labels", type=Path, metavar="TSV", help="filename, onset, offset, event_label (default: found in FOLDER)")
    add("--model", type=Path, metavar="FILE", help="the network, an ONNX file (default the one that ships)")
    add("--threshold", type=float, metavar="P", help="for every class, 0 to 1 (default what was tuned for each)")
    add("--median", choices=["centred", "causal"], help="what the median filter sees (default what was tuned)")
    add("--embedding", action="append", default=[], metavar="NAME=FILE", help="what the network hears besides")


MEASURES: dict[str, tuple[str, Callable[[argparse.ArgumentParser], None]]] = {
    "follow": ("live following, note by note", _follow),
    "jumps": ("following after jumps to known places, and false leaps in clean playing", _jumps),
    "align": ("whole-file alignment, note by note", _follow),
    "hpss": ("harmonic/percussive separation", _hpss),
    "unmix": ("stems of networks: SI-SDR, its gain over the mixture, global SDR, SDR of BSS Eval v4", _unmix),
    "crnn": ("sound events: clip, segment and event F1, PSDS", _crnn),
    "siamese": ("frame similarity: the table of its paper", _siamese),
    "generators": ("likelihood of chorales, and samples beside Bach", evaluate_music.generators),
    "listening": ("write a blinded listening test, or read its answers", evaluate_music.listening),
}
