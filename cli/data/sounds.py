"""`collaparte data debian-sounds|music-beds|surroundings`: isolated sounds and backgrounds for mixed scenes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cli.common import argument, command, option, random_seed
from cli.data.corpora import FolderOptions
from cli.terminal.report import wrote
from engine.core.config import choice, plain, ranged

__all__ = [
    "BedsOptions",
    "DebianOptions",
    "SurroundingsOptions",
    "data_debian_sounds_command",
    "data_music_beds_command",
    "data_surroundings_command",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class DebianOptions(FolderOptions):
    """Options of `collaparte data debian-sounds`."""

    cache: Path | None = option(plain(None, "where packages are unpacked (default OUTPUT-packages)"), metavar="FOLDER")
    packages: tuple[str, ...] = option(plain((), "of the table, these alone"), metavar="NAME...")


@command(DebianOptions, "examples:\n  collaparte data debian-sounds -o sounds/")
def data_debian_sounds_command(options: DebianOptions) -> int:
    """Take isolated sounds out of free packages of Debian."""
    from offline.datasets.debian_sounds import make_sounds, rows_of

    out = options.output
    cache = options.cache or out.with_name(out.name + "-packages")
    print(make_sounds(out, cache, rows_of(list(options.packages) or None)), "sounds")
    wrote([out], then=f"collaparte data scenes {out} -o scenes/")
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BedsOptions(FolderOptions):
    """Options of `collaparte data music-beds`."""

    songs: Path = argument("FOLDER", "folder of songs in stems")
    exclude: tuple[str, ...] = option(plain((), "leave these songs out"), metavar="SONG...", several=True)
    voices: bool = plain(False, "each song once more with the voice twice as loud")


@command(BedsOptions, "examples:\n  collaparte data music-beds songs/ -o beds/ --exclude caesium")
def data_music_beds_command(options: BedsOptions) -> int:
    """Mix songs in stems down to backgrounds of scenes."""
    from offline.datasets.background_music import make_beds

    n = make_beds(options.songs, options.output, exclude=list(options.exclude), voices=options.voices)
    print(f"{n} songs")
    wrote([options.output], then=f"collaparte data scenes sounds/ -o scenes/ --more {options.output}")
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SurroundingsOptions(FolderOptions):
    """Options of `collaparte data surroundings`."""

    kinds: tuple[str, ...] = option(
        plain((), "these alone, of rain, wind, traffic, hall, music, talk"), metavar="KIND...", several=True
    )
    which: str = choice("train", ("train", "validation", "test"), "part: its own sources, voices and sentences")
    recordings: int = option(ranged(30, 1, 100_000, "recordings of each kind"), short="-n", metavar="N")
    seconds: float = ranged(60.0, 1, 3600, "length of each", unit="s")
    seed: int = random_seed()


@command(SurroundingsOptions, "examples:\n  collaparte data surroundings -o negatives/ --which test")
def data_surroundings_command(options: SurroundingsOptions) -> int:
    """Synthesise what microphones hear by the hour though none of the classes sounds; and talk."""
    from offline.synthesis.surroundings.kinds import SURROUNDINGS
    from offline.synthesis.surroundings.recordings import SurroundingsJob, make_surroundings

    job = SurroundingsJob(
        output=options.output,
        kinds=options.kinds or tuple(SURROUNDINGS),
        which=options.which,
        recordings=options.recordings,
        seconds=options.seconds,
        seed=options.seed,
    )
    print(make_surroundings(job), "recordings")
    wrote([options.output], then=f"collaparte evaluate inventions {options.output}")
    return 0
