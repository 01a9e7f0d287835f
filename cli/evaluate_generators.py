"""`collaparte evaluate generators`: likelihood with its floors, and samples beside the corpus."""

from __future__ import annotations

import argparse

from offline.training.generation.evaluate import evaluate

__all__ = ["command"]


def command(args: argparse.Namespace) -> int:
    """Print the tables."""
    print(evaluate(args))
    return 0
