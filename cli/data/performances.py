"""`collaparte data performances|takes|salience`: rendered performances of scores with their truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cli.common import INPUT, argument, command, option, random_seed
from cli.data.corpora import FolderOptions
from cli.data.making import made_here, make_missing
from cli.terminal.report import wrote
from cli.terminal.stopping import USER_ERROR
from engine.core.config import choice, plain, ranged

if TYPE_CHECKING:
    from offline.batch.task import BatchJob

__all__ = [
    "MazurkasOptions",
    "PerformancesOptions",
    "RenderOptions",
    "SalienceOptions",
    "TakesOptions",
    "data_mazurkas_command",
    "data_performances_command",
    "data_salience_command",
    "data_takes_command",
]

PARTS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderOptions(FolderOptions):
    """What all renderings of performances share."""

    chorales: Path | None = option(plain(None, "chorales as packed by `data music21`"), metavar="NPZ")
    soundfont: tuple[Path, ...] = option(
        plain((), "soundfont to draw from; may be repeated (default all installed)"), metavar="FILE.sf2"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformancesOptions(RenderOptions):
    """Options of `collaparte data performances`."""

    split: str = choice("validation", PARTS, "part of the pieces")
    n: int = ranged(8, 1, 1_000_000, "performances")
    seconds: float = ranged(60.0, 1, 3600, "longest length of a performance", unit="s")
    seed: int = random_seed()


@command(PerformancesOptions, "examples:\n  collaparte data performances -o pieces/ --n 8 --seconds 60")
def data_performances_command(options: PerformancesOptions) -> int:
    """Write pieces in the format that `evaluate follow` reads."""
    from offline.batch.jobs.corpora import PerformancesJob, performance_items
    from offline.datasets.corpus_scores import Library
    from offline.datasets.performances import TakeConfig

    take = TakeConfig(soundfonts=options.soundfont, seconds=options.seconds)
    job = PerformancesJob(chorales=options.chorales, take=take, seed=options.seed)
    items = performance_items(Library.open(options.chorales).names(options.split, options.n), options.seed)
    _, n_failed = make_missing(job, items, options.output, "take")
    wrote([options.output], then=f"collaparte evaluate follow {options.output}")
    return USER_ERROR if n_failed else 0


TAKES_EXAMPLES = """\
examples:
  collaparte data takes -o takes/ --n 240 --others 0.5
  collaparte data takes -o takes/ --n 288 --recordings MAPS_and_SMD/
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakesOptions(RenderOptions):
    """Options of `collaparte data takes`."""

    split: str = choice("train", PARTS, "part of the pieces")
    n: int = ranged(240, 1, 1_000_000, "takes")
    seconds: float = ranged(30.0, 1, 3600, "longest length of a take", unit="s")
    sample_rate: int = ranged(22050, 8000, 192_000, "of the sounds", unit="Hz")
    others: float = ranged(0.0, 0, 1, "share of the takes played by other instruments than the piano")
    small: bool = plain(False, "store sounds as Ogg Vorbis")
    recordings: Path | None = option(
        plain(None, "cut them out of recordings that have MIDI of the same names, as MAPS and SMD"),
        metavar="FOLDER",
        group=INPUT,
    )


@command(TakesOptions, TAKES_EXAMPLES)
def data_takes_command(options: TakesOptions) -> int:
    """Render takes, about 2 CPU seconds each; those that are there already stay."""
    from offline.datasets.corpus_scores import Library
    from offline.datasets.performances import TakeConfig
    from offline.datasets.piano_recordings import find_piano_recordings, recordings_of
    from offline.training.take_jobs import CutTakesJob, TakesJob, excerpt_items, library_items

    config = TakeConfig(
        sample_rate=options.sample_rate,
        soundfonts=options.soundfont,
        seconds=options.seconds,
        mistuned=0.0,
        others=options.others,
    )
    if options.recordings is not None:
        recordings = recordings_of(find_piano_recordings(options.recordings), options.split)
        items = excerpt_items(recordings, options.n)
        job: BatchJob = CutTakesJob(take=config, small=options.small)
    else:
        items = library_items(Library.open(options.chorales).names(options.split, options.n), TakesJob.ending)
        job = TakesJob(chorales=options.chorales, take=config, small=options.small)
    _, n_failed = make_missing(job, items, options.output, "take")
    wrote([options.output], then=f"collaparte train similarity --data {options.output} -o run/")
    return USER_ERROR if n_failed else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SalienceOptions(RenderOptions):
    """Options of `collaparte data salience`."""

    split: str = choice("train", PARTS, "part of the pieces")
    n: int = ranged(100, 1, 1_000_000, "pieces")
    seconds: float = ranged(40.0, 1, 3600, "longest length of a piece", unit="s")
    rate: int = ranged(22050, 8000, 192_000, "sample rate; the constant-Q ends below 9 kHz", unit="Hz")
    seed: int = random_seed()


@command(SalienceOptions, "examples:\n  collaparte data salience -o salience/ --n 100")
def data_salience_command(options: SalienceOptions) -> int:
    """Render pieces and pack constant-Q frames with the notes that sound in them; those that are there stay."""
    from offline.batch.outputs.places import SpreadPlace
    from offline.datasets.corpus_scores import Library
    from offline.datasets.performances import TakeConfig
    from offline.training.salience.data import is_rendered, write_transform
    from offline.training.take_jobs import SalienceSetJob, library_items

    names = Library.open(options.chorales).names(options.split, options.n)
    new = library_items([name for name in names if not is_rendered(options.output, name)])
    take = TakeConfig(sample_rate=options.rate, soundfonts=options.soundfont, seconds=options.seconds)
    job = SalienceSetJob(chorales=options.chorales, take=take, seed=options.seed)
    write_transform(options.output, job.transform)
    places = [SpreadPlace(options.output, item.name) for item in new]
    done = [report.done for report in made_here(job, new, options.output, "piece", places=places)]
    print(f"{options.output}: {len(names) - len(new)} pieces were there, {sum(done)} are new")
    wrote([options.output], then=f"collaparte train salience --data {options.output} -o run/")
    return 0 if all(done) else USER_ERROR


@dataclass(frozen=True, slots=True, kw_only=True)
class MazurkasOptions(FolderOptions):
    """Options of `collaparte data mazurkas`."""

    source: Path = argument("FOLDER", "folder of the Mazurka Project: pid.../pid....mid and pid...-clean.txt")
    audio: Path | None = option(
        plain(None, "folder of the recordings, where they lie elsewhere"), metavar="FOLDER", group=INPUT
    )


@command(MazurkasOptions, "examples:\n  collaparte data mazurkas mazmatch/ --audio recordings/ -o pieces/")
def data_mazurkas_command(options: MazurkasOptions) -> int:
    """Write pieces in the format that `evaluate` reads."""
    from cli.terminal.stopping import USER_ERROR
    from offline.datasets.mazurkas import find_mazurkas, write_mazurkas

    found = find_mazurkas(options.source, options.audio)
    done = write_mazurkas(found, options.output)
    print(f"{options.output}: {done} of {len(found)} recordings")
    wrote([options.output], then=f"collaparte evaluate similarity {options.output}")
    return 0 if done == len(found) else USER_ERROR
