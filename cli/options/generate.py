"""The options of `collaparte generate`, and those that choose a MIDI port."""

from __future__ import annotations

import argparse
from pathlib import Path

__all__ = ["EXAMPLES", "HELP", "add_options", "port_options"]

HELP = "Write music by any of the survey's 21 systems, into files or live into a MIDI port."
EXAMPLES = """\
examples:
  collaparte generate --list                                        the systems, and what each reached
  collaparte generate --model Frames -o chorale.mid -o chorale.wav --bars 16 --seed 3
  collaparte generate --model Frames --melody tune.mid -o harmonised.mid
  collaparte generate --model BachBot --prime beginning.mid -o continued.mid
  collaparte generate --model BachBot --port Bach --tempo 100       play into a virtual MIDI port until ctrl-C
  collaparte generate --model DeepBach --to "Synth input" --send-clock
  collaparte generate --model Frames --port Duo --accompany         play the soprano into its input
  collaparte generate --model BachBot --port Bach --listen 4        play four bars into its input: it goes on from them
  collaparte generate --model WaveNet -o sound.wav --seconds 4
"""
KEYS = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
BACKENDS = ("auto", "jack", "rtmidi")


def port_options(parser: argparse.ArgumentParser) -> None:
    """The options that choose a MIDI port."""
    add = parser.add_argument
    add("--port", metavar="NAME", help="name of the virtual MIDI port to open")
    add("--to", metavar="NAME", help="existing MIDI port to play to, instead of a virtual one")
    add("--backend", choices=BACKENDS, default="auto", help="of MIDI: JACK is exact to the sample (default auto)")


def add_options(parser: argparse.ArgumentParser) -> None:
    """What writes, what it writes for, and where to."""
    add = parser.add_argument
    add("--list", action="store_true", help="show the systems")
    add("--model", metavar="NAME|FILE.onnx", help="a system of the list, or a frame network's file")
    add("--data", type=Path, metavar="DIR", help="folder of the chorales, for Markov")
    add("-o", "--output", action="append", default=[], metavar="FILE", help="FILE.mid or FILE.wav; may be given twice")
    add("--bars", type=int, default=16, help="of four quarters, in files (default 16)")
    add("--seconds", type=float, default=4.0, help="of systems that write sound itself (default 4)")
    add("--melody", type=Path, metavar="FILE.mid", help="its highest voice is kept and harmonised")
    add("--prime", type=Path, metavar="FILE.mid", help="go on from the end of this piece")
    add("--tempo", type=float, default=100.0, metavar="BPM", help="quarters a minute (default 100)")
    add("--temperature", type=float, default=0.7,
        help="of the choice of pitch; whether to move is left alone (default 0.7)")  # fmt: skip
    add("--free", action="store_true", help="allow parallel fifths and octaves")
    add("--key", choices=KEYS, help="of Frames: by default that of what is given, else by the seed")
    add("--activity", type=float, metavar="FACTOR",
        help="of Frames: on the odds that a voice moves, 1 as learnt; by default about 1.2, by the seed")  # fmt: skip
    add("--seed", type=int, default=0, help="same seed, same music (default 0)")
    add("--sound-font", type=Path, metavar="FILE.sf2", help="for WAV files")
    port_options(parser)
    add("--accompany", action="store_true", help="what is played into the port's input is the melody")
    add(
        "--listen", type=int, metavar="BARS", help="go on from so many bars that are played into the port's input first"
    )
    add("--follow-clock", action="store_true", help="take tempo and start from MIDI clock coming in")
    add("--send-clock", action="store_true", help="send MIDI clock, start and stop")
    add("--look-ahead", type=float, default=0.15, metavar="SECONDS", help="how early notes are sent (default 0.15)")
