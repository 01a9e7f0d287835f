"""The options of `collaparte run`."""

from __future__ import annotations

import argparse
from pathlib import Path

from offline.following.feature_names import FEATURES, WORDS

__all__ = ["EXAMPLES", "HELP", "add_options"]

HELP = "Follow and separate a file or a live input, and hear what sounds in it."
EXAMPLES = """\
examples:
  collaparte run --input take.flac --score piece.mid --separate hpss --events out.jsonl --output stems/
  collaparte run --input take.flac --separate hpss --output device     listen while it separates
  collaparte run --input mic --score piece.musicxml --events -         events on standard output
  collaparte run --input jack --separate hpss --gain harmonic=-12 --output jack --output recording/
  collaparte run --input mic --separate unmix --gain vocals=-inf --output device       karaoke
  collaparte run --input mic --detect --top 5          sounds as they begin and end, and what it thinks it hears
  collaparte run --input door.flac --detect mine.onnx --events out.jsonl
  collaparte run --input song.flac --separate unmix --wiener --gain-midi nanoKONTROL --output device
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """What to listen to, what to do with it, where it goes."""
    add = parser.add_argument
    add("--input", required=True, metavar="FILE|mic|device:NAME|jack", help="what to listen to")
    add("--output", action="append", default=[], metavar="DIR|device|device:NAME|jack",
        help="a folder for the stems, or a device to play them on; may be given twice")  # fmt: skip
    add("--score", type=Path, metavar="FILE", help="follow this score: MusicXML, MXL, MIDI, or a reference recording")
    add("--features", choices=FEATURES, default=FEATURES[0], help=WORDS)
    add("--separate", choices=["none", "hpss", "unmix"], default="none",
        help="hpss: split into harmonic and percussive sound; unmix: into the targets of a network, such as vocals, "
        "drums, other")  # fmt: skip
    add(
        "--model",
        type=Path,
        metavar="FILE",
        help="of unmix or detect: the network, an ONNX file (default what ships), or of unmix heavy or low-latency",
    )
    add("--wiener", action="store_true", help="of unmix: refine the stems by their place in the stereo image")
    add("--detect", type=Path, nargs="?", const=Path(), metavar="FILE",
        help="tell which sounds begin and end, by a network: FILE, else --model, else the one that ships")  # fmt: skip
    add("--top", type=int, default=0, metavar="N", help="of detect: show the N most likely sounds all the while")
    add("--threshold", type=float, metavar="P", help="of detect: probability from which any sound counts, 0 to 1")
    add("--median", choices=["causal", "centred"],
        help="of detect: a centred filter is surer and comes later (default what was tuned)")  # fmt: skip
    add("--window", type=float, metavar="S",
        help="of detect, by a network that hears both ways: so many seconds, again and again (default 10)")  # fmt: skip
    add("--embedding", action="append", default=[], metavar="NAME=FILE",
        help="of detect: an ONNX file that the network hears besides, FILE.toml beside it")  # fmt: skip
    add("--look-ahead", type=int, metavar="FRAMES",
        help="frames of 23 ms, from 0 on: better stems, more latency (default 5 to files, 0 to devices)")  # fmt: skip
    add("--events", metavar="FILE", help="write events as JSON lines; - is standard output")
    add("--plot", type=Path, metavar="PNG", help="draw what happened (file input)")
    add("--rate", type=int, metavar="HZ", help="sample rate of the engine (devices; default the device's own)")
    add("--block", type=int, default=0, metavar="SAMPLES", help="block of the device (default its own)")
    add("--duration", type=float, default=0.0, metavar="S", help="end a live run after so many seconds")
    add("--gain", action="append", default=[], metavar="TARGET=DB",
        help="level of a stem in what is played; -inf mutes; repeatable; of files: in mix.wav")  # fmt: skip
    add("--gain-midi", metavar="PORT",
        help="change the gains while it plays, by a MIDI controller: part of its port's name, or `virtual` for a port "
        "of our own; controller 20 is the first target, 21 the next and so on, on any channel; value 0 mutes, 50 is "
        "-12 dB, 100 is 0 dB, 127 +4 dB")  # fmt: skip
