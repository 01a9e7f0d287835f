"""`collaparte evaluate align`: whole-file alignment, note by note."""

from __future__ import annotations

import argparse

from cli.align import align_config
from offline.evaluation.alignment import evaluate_alignment

__all__ = ["command"]


def command(args: argparse.Namespace) -> int:
    """Print the table."""
    evaluate_alignment(args.folder, align_config(args), csv=args.csv, plots=args.plots)
    return 0
