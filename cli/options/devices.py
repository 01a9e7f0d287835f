"""The options of `collaparte devices`: none."""

from __future__ import annotations

import argparse

__all__ = ["EXAMPLES", "HELP", "add_options"]

HELP = "List the audio devices."
EXAMPLES = ""


def add_options(parser: argparse.ArgumentParser) -> None:
    """None."""
