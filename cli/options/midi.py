"""The options of `collaparte midi WHAT`."""

from __future__ import annotations

import argparse

from cli.options.generate import port_options

__all__ = ["EXAMPLES", "HELP", "add_options"]

HELP = "MIDI in need: end every note."
EXAMPLES = """\
examples:
  collaparte midi panic --to "Synth input"    end every note on every channel of a synthesiser
  collaparte midi panic --port Bach           the same from a virtual port, for whoever is connected to it
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """What to do, and to which port."""
    parser.add_argument("what", choices=["panic"], help="panic: all notes off, all sound off, sustain off")
    port_options(parser)
