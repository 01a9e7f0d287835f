"""`collaparte doctor`: what this machine has and lacks."""

from __future__ import annotations

import argparse

from cli.doctor_checks import examine

__all__ = ["command"]


def command(args: argparse.Namespace) -> int:
    """Examine it; 1 where something is missing."""
    return 0 if examine(print) else 1
