"""The options of `collaparte doctor`: none."""

from __future__ import annotations

import argparse

__all__ = ["EXAMPLES", "HELP", "add_options"]

HELP = "Check what this machine has, and warm the compiled kernels."
EXAMPLES = ""


def add_options(parser: argparse.ArgumentParser) -> None:
    """None."""
