"""`collaparte devices`: what can be listened to and played on."""

from __future__ import annotations

import argparse

from cli.live_session import describe_devices

__all__ = ["command"]


def command(args: argparse.Namespace) -> int:
    """Print the table."""
    print(describe_devices())
    return 0
