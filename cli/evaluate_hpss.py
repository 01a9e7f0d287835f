"""`collaparte evaluate hpss`: harmonic/percussive separation."""

from __future__ import annotations

import argparse

from offline.evaluation.separation import evaluate_hpss_folder

__all__ = ["command"]


def command(args: argparse.Namespace) -> int:
    """Print the table."""
    evaluate_hpss_folder(args.folder, csv=args.csv, start_s=args.start, seconds=args.seconds)
    return 0
