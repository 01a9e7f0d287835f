"""`collaparte data songs|modules|lmms|guitars`: songs in stems, to train separation on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cli.common import argument, command, option
from cli.data.corpora import FolderOptions
from cli.data.making import make_missing
from cli.terminal.report import wrote
from cli.terminal.stopping import USER_ERROR
from engine.core.config import plain, ranged

if TYPE_CHECKING:
    from offline.batch.jobs.music import SongsJob

__all__ = [
    "GuitarsOptions",
    "LmmsOptions",
    "ModulesOptions",
    "SongsOptions",
    "data_guitars_command",
    "data_lmms_command",
    "data_modules_command",
    "data_songs_command",
    "songs_job",
]

SONG = "song"  # before the number in a song's name


@dataclass(frozen=True, slots=True, kw_only=True)
class SongsOptions(FolderOptions):
    """Options of `collaparte data songs`."""

    songs: int = ranged(30, 1, 100_000, "songs to write")
    first: int = ranged(0, 0, 2**31, "seed of the first song")
    seconds: float = ranged(75.0, 1, 3600, "length of a song", unit="s")
    electronic: float = ranged(0.0, 0, 1, "share of the parts played by synthesisers")
    soundfont: tuple[Path, ...] = option(
        plain((), "soundfont to draw from; may be repeated (default all installed)"), metavar="FILE.sf2"
    )
    speakers: Path | None = option(
        plain(None, "sounds whose speech is sung with, mostly, as of `data debian-sounds`"), metavar="FOLDER"
    )


@command(SongsOptions, "examples:\n  collaparte data songs -o songs/ --songs 30 --electronic 0.3")
def data_songs_command(options: SongsOptions) -> int:
    """Render songs that are composed here; those that are there already stay."""
    from offline.batch.files.seeds import seed_items

    items = seed_items(SONG, options.first, options.songs).items
    _, n_failed = make_missing(songs_job(options), items, options.output, "song")
    _finish(options, options.songs - n_failed)
    return USER_ERROR if n_failed else 0


def songs_job(options: SongsOptions) -> SongsJob:
    """What makes the songs."""
    from offline.batch.jobs.music import SongsJob
    from offline.synthesis.songs_render import SongSettings

    song = SongSettings(
        seconds=options.seconds,
        electronic=options.electronic,
        soundfonts=options.soundfont,
        singers=options.speakers,
    )
    return SongsJob(song=song)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModulesOptions(FolderOptions):
    """Options of `collaparte data modules`."""

    modules: Path = argument("FOLDER", "folder of tracker modules: .mod, .xm, .s3m, .it")
    seconds: float = ranged(120.0, 1, 3600, "longest length of a song", unit="s")


@command(ModulesOptions, "examples:\n  collaparte data modules modules/ -o songs/")
def data_modules_command(options: ModulesOptions) -> int:
    """Sort the instruments of modules into drums, bass and other."""
    from offline.batch.jobs.corpora import ModuleSongsJob, module_items
    from offline.datasets.songs.module_songs import find_modules

    items = module_items(find_modules(options.modules))
    _finish(options, make_missing(ModuleSongsJob(seconds=options.seconds), items, options.output, "module")[0])
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LmmsOptions(FolderOptions):
    """Options of `collaparte data lmms`."""

    projects: Path | None = option(
        plain(None, "folder of projects (default those that come with lmms-common)"), metavar="FOLDER"
    )
    songs: int | None = option(ranged(None, 1, 100_000, "how many, by name (default all)"), short="-n", metavar="N")


@command(LmmsOptions, "examples:\n  collaparte data lmms -o songs/")
def data_lmms_command(options: LmmsOptions) -> int:
    """Render the tracks of LMMS projects, drums and basses apart from everything else."""
    from offline.batch.jobs.corpora import LmmsSongsJob, project_items
    from offline.datasets.songs.lmms_songs import find_projects

    items = project_items(find_projects(options.projects)[: options.songs])
    _finish(options, make_missing(LmmsSongsJob(), items, options.output, "project")[0])
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GuitarsOptions(FolderOptions):
    """Options of `collaparte data guitars`."""

    songs: Path | None = option(
        plain(None, "folder of songs with a guitar.ogg (default those of fretsonfire-songs-sectoid)"), metavar="FOLDER"
    )


@command(GuitarsOptions, "examples:\n  collaparte data guitars -o songs/")
def data_guitars_command(options: GuitarsOptions) -> int:
    """Take the guitars of songs of Frets on Fire."""
    from offline.batch.jobs.corpora import GuitarSongsJob, guitar_items
    from offline.datasets.songs.guitar_songs import find_guitars

    items = guitar_items(find_guitars(options.songs))
    _, n_failed = make_missing(GuitarSongsJob(), items, options.output, "guitar")
    _finish(options, len(items) - n_failed)
    return USER_ERROR if n_failed else 0


def _finish(options: FolderOptions, n: int) -> None:
    print(f"{n} songs")
    wrote([options.output], then=f"collaparte train separation --data {options.output} -o run/")
