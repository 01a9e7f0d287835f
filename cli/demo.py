"""`collaparte demo`: the whole way on a piece that the project writes itself."""

from __future__ import annotations

import argparse

from cli.demo_run import show
from cli.stopping import INTERRUPTED, stoppable

__all__ = ["command"]


def command(args: argparse.Namespace) -> int:
    """Show it; the exit status."""
    with stoppable() as stop:
        return INTERRUPTED if show(args.output, seed=args.seed, stop=stop).stream.stopped else 0
