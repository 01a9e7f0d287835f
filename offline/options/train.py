"""The options of `collaparte train WHAT`: the trainer's own, which it reads itself."""

from __future__ import annotations

import argparse

__all__ = ["EXAMPLES", "HELP", "TRAINERS", "add_options"]

HELP = "Train a network; `collaparte train WHAT --help` tells how."
EXAMPLES = ""
TRAINERS = {name: name for name in ("siamese", "salience", "unmix", "generator")} | {
    "unmix-table": "table_unmix",
    "unmix-export": "ship_unmix",
    "unmix-blend": "blend_unmix",
    "crnn": "crnn_command",
    "crnn-table": "crnn_table",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which network; the rest is the trainer's."""
    parser.add_argument("what", choices=list(TRAINERS), help="which network")
    parser.add_argument("options", nargs=argparse.REMAINDER, help="of its training")
