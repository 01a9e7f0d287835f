"""`collaparte data music21|midi|mutopia`: written music for the generators."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path

from cli.common import argument, command, option, output
from cli.terminal.report import wrote
from engine.core.config import Settings, choice
from engine.core.errors import ConfigError, ScoreError

__all__ = [
    "FolderOptions",
    "MidiOptions",
    "MutopiaOptions",
    "data_midi_command",
    "data_music21_command",
    "data_mutopia_command",
]

NEXT = "collaparte train generation --help"


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderOptions(Settings):
    """Options of a maker that needs no source."""

    output: Path = output("FOLDER", "where to write")


@command(FolderOptions, "examples:\n  collaparte data music21 -o symbolic/")
def data_music21_command(options: FolderOptions) -> int:
    """Convert music21's corpus."""
    try:
        corpus = importlib.import_module("offline.music.music21_corpus")
    except ImportError as error:
        remedy = "pip install music21"
        raise ConfigError("data music21", expected="music21", got=str(error), remedy=remedy) from error
    print(corpus.convert_music21(options.output))
    wrote([options.output], then=NEXT)
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MidiOptions(FolderOptions):
    """Options of `collaparte data midi`."""

    source: Path = argument("FOLDER", "folder of MIDI files")


@command(MidiOptions, "examples:\n  collaparte data midi files/ -o symbolic/")
def data_midi_command(options: MidiOptions) -> int:
    """Pack a folder of MIDI files."""
    from offline.music.midi_file import read_folder
    from offline.music.piece_sets import save_pieces

    pieces = list(read_folder(options.source).values())
    if not pieces:
        raise ScoreError(str(options.source), expected="MIDI files", got="none that can be read")
    options.output.mkdir(parents=True, exist_ok=True)
    path = options.output / "midi.npz"
    save_pieces(path, pieces)
    print(f"{len(pieces)} pieces of {sum(p.n_steps for p in pieces)} sixteenths: {path}")
    wrote([path], then=NEXT)
    return 0


LICENCES = ("pd", "by", "by-sa")


@dataclass(frozen=True, slots=True, kw_only=True)
class MutopiaOptions(FolderOptions):
    """Options of `collaparte data mutopia`."""

    source: Path = argument("FOLDER", "a copy of the Mutopia project")
    licence: tuple[str, ...] = option(
        choice(("pd",), LICENCES, "take pieces under these licences"), metavar="|".join(LICENCES) + "...", several=True
    )


@command(MutopiaOptions, "examples:\n  collaparte data mutopia MutopiaProject/ -o symbolic/ --licence pd by")
def data_mutopia_command(options: MutopiaOptions) -> int:
    """Convert guitar music by LilyPond."""
    from offline.music.mutopia import convert_mutopia

    print(convert_mutopia(options.source, options.output, options.licence))
    wrote([options.output], then=NEXT)
    return 0
