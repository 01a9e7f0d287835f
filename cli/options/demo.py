"""The options of `collaparte demo`."""

from __future__ import annotations

import argparse
from pathlib import Path

__all__ = ["EXAMPLES", "HELP", "add_options"]

HELP = "Write a piece, play it with rubato, follow and separate it, and say how well that went."
EXAMPLES = ""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Where to, and which performance."""
    add = parser.add_argument
    add("--output", type=Path, default=Path("demo"), metavar="DIR", help="where to write (default demo)")
    add("--seed", type=int, default=1, help="another seed, another performance")
