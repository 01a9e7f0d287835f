"""`collaparte data`: converters of symbolic corpora."""

from __future__ import annotations

import argparse
import importlib

from engine.core.errors import ConfigError, ScoreError
from offline.music.midi_file import read_folder
from offline.music.mutopia import convert as convert_mutopia
from offline.music.piece_sets import save_pieces

__all__ = ["command"]


def command(args: argparse.Namespace) -> int:
    """Convert, and say what was written."""
    if args.what == "music21":
        try:
            module = importlib.import_module("offline.music.music21_corpus")
        except ImportError as error:
            remedy = "pip install music21"
            raise ConfigError("data music21", expected="music21", got=str(error), remedy=remedy) from error
        print(module.convert(args.out))
        return 0
    if args.source is None:
        raise ConfigError("--source", expected="a folder to read", got="nothing")
    if args.what == "mutopia":
        print(convert_mutopia(args.source, args.out, args.licence))
        return 0
    pieces = list(read_folder(args.source).values())
    if not pieces:
        raise ScoreError(str(args.source), expected="MIDI files", got="none that can be read")
    args.out.mkdir(parents=True, exist_ok=True)
    save_pieces(args.out / "midi.npz", pieces)
    print(f"{len(pieces)} pieces of {sum(p.n_steps for p in pieces)} sixteenths: {args.out / 'midi.npz'}")
    return 0
