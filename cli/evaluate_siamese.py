"""`collaparte evaluate siamese`: the table of its paper."""

from __future__ import annotations

import argparse

from offline.training.similarity.paper_table import evaluate_folder, methods

__all__ = ["command"]


def command(args: argparse.Namespace) -> int:
    """Print the table."""
    evaluate_folder(args.folder, methods(args.networks, args.live), csv=args.csv)
    return 0
