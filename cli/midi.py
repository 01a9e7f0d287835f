"""`collaparte midi`: end every note."""

from __future__ import annotations

import argparse

from engine.midi.port import MidiConfig
from engine.midi.process import panic

__all__ = ["command"]


def command(args: argparse.Namespace) -> int:
    """Panic."""
    panic(MidiConfig(name=args.port or "collaparte", to=args.to, backend=args.backend, listen=False))
    print(f"ended every note on 16 channels of {args.to or args.port or 'collaparte'}")
    return 0
