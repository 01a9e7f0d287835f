"""`collaparte evaluate`: hands over to the measure."""

from __future__ import annotations

import argparse
import importlib

__all__ = ["command"]


def command(args: argparse.Namespace) -> int:
    """Run the measure that was asked for: offline/commands/evaluate_WHAT.py."""
    return int(importlib.import_module(f"cli.evaluate_{args.what}").command(args))
