"""The options of `collaparte train WHAT`: the trainer's own, which it reads itself."""

from __future__ import annotations

import argparse

__all__ = ["EXAMPLES", "HELP", "TRAINERS", "add_options"]

HELP = "Train a network; `collaparte train WHAT --help` tells how."
EXAMPLES = ""
TRAINERS = {
    "siamese": "similarity.train",
    "salience": "salience.train",
    "unmix": "separation.train",
    "unmix-table": "separation.paper_table",
    "unmix-export": "separation.export",
    "unmix-blend": "separation.blend_command",
    "crnn": "detection.command",
    "crnn-table": "detection.paper_table",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which network; the rest is the trainer's."""
    parser.add_argument("what", choices=list(TRAINERS), help="which network")
    parser.add_argument("options", nargs=argparse.REMAINDER, help="of its training")
