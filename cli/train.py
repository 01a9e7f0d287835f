"""`collaparte train`: hands over to the trainer."""

from __future__ import annotations

import argparse
import importlib
import sys

from cli.options.train import TRAINERS

__all__ = ["command"]


def command(args: argparse.Namespace) -> int:
    """Run the trainer with its own options."""
    module = importlib.import_module(f"offline.training.{TRAINERS[args.what]}")
    sys.argv[0] = f"collaparte train {args.what}"  # what its help calls it
    return int(module.main(args.options) or 0)
