"""`collaparte data music21|midi|abc|musicxml|mutopia`: written music for the generators."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path

from cli.common import SettingsCommand, argument, command, option, output
from cli.terminal.report import wrote
from engine.core.config import Settings, choice, plain
from engine.core.errors import ConfigError

__all__ = [
    "FolderOptions",
    "Music21Options",
    "MutopiaOptions",
    "OwnMusicOptions",
    "data_abc_command",
    "data_midi_command",
    "data_music21_command",
    "data_musicxml_command",
    "data_mutopia_command",
]

NEXT = "collaparte train generation --help"


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderOptions(Settings):
    """Options of a maker that needs no source."""

    output: Path = output("FOLDER", "where to write")


@dataclass(frozen=True, slots=True, kw_only=True)
class Music21Options(FolderOptions):
    """Options of `collaparte data music21`."""

    published: Path | None = option(
        plain(None, "copy the published sets of this folder beside, so that one folder serves `train generation`"),
        metavar="FOLDER",
    )


@command(Music21Options, "examples:\n  collaparte data music21 -o symbolic/ --published sets/")
def data_music21_command(options: Music21Options) -> int:
    """Convert music21's corpus."""
    try:
        corpus = importlib.import_module("offline.music.music21_corpus")
    except ImportError as error:
        remedy = "pip install music21"
        raise ConfigError("data music21", expected="music21", got=str(error), remedy=remedy) from error
    print(corpus.convert_music21(options.output))
    if options.published is not None:
        from offline.music.roll_sets import copy_published

        print("copied " + ", ".join(copy_published(options.published, options.output)))
    wrote([options.output], then=NEXT)
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnMusicOptions(FolderOptions):
    """Options of the makers of a user's own corpus."""

    source: Path = argument("FOLDER", "folder of files, read with the folders in it")
    licence: str = option(
        plain("not stated", "licence of the music, which the card of a network names"), metavar="TEXT"
    )


def _own_examples(source: str) -> str:
    return f"""\
examples:
  collaparte data {source} music/ -o mine/
  collaparte train generation --system VRASH --size small --data mine/corpus.npz -o run/
  collaparte generate --model run/VRASH.onnx -o piece.mid
"""


def _own_command(source: str) -> SettingsCommand:
    """A command that packs a folder of one kind of files into corpus.npz."""

    def act(options: OwnMusicOptions) -> int:
        from offline.generation.uses import uses_table
        from offline.music.own_corpus import OWN_FILE, save_own
        from offline.music.own_folder import read_own

        corpus = read_own(options.source, source, options.licence)
        options.output.mkdir(parents=True, exist_ok=True)
        path = options.output / OWN_FILE
        save_own(path, corpus)
        print(f"{len(corpus.pieces)} pieces of {sum(own.piece.n_steps for own in corpus.pieces)} sixteenths: {path}")
        print(uses_table(corpus))
        wrote([path], then=NEXT)
        return 0

    return SettingsCommand(OwnMusicOptions, act, _own_examples(source), arguments={"source": "FOLDER"})


data_midi_command, data_abc_command, data_musicxml_command = map(_own_command, ("midi", "abc", "musicxml"))


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
