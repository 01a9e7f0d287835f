"""`collaparte evaluate jumps`: following after jumps."""

from __future__ import annotations

import argparse

from offline.evaluation.repeats_and_cuts import evaluate_jumps
from offline.following.presets import follow_by

__all__ = ["command"]


def command(args: argparse.Namespace) -> int:
    """Print the table."""
    evaluate_jumps(args.folder, follow_by(args.features))
    return 0
