"""`collaparte evaluate follow`: live following, note by note."""

from __future__ import annotations

import argparse

from offline.evaluation.following import evaluate_tracks, follow_piece
from offline.following.presets import follow_by

__all__ = ["command"]


def command(args: argparse.Namespace) -> int:
    """Print the table."""
    evaluate_tracks(args.folder, follow_piece(follow_by(args.features)), csv=args.csv, plots=args.plots)
    return 0
