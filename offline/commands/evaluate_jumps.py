"""`collaparte evaluate jumps`: following after jumps."""

from __future__ import annotations

import argparse

from offline.evaluate.jumps import evaluate_jumps

__all__ = ["command"]


def command(args: argparse.Namespace) -> int:
    """Print the table."""
    evaluate_jumps(args.folder)
    return 0
