"""`collaparte batch generate` and `songs`: music of seeds."""

from __future__ import annotations

from dataclasses import MISSING, dataclass
from pathlib import Path

from cli.batch.options import RunningOptions
from cli.commands.generate import MUSICAL_KEYS
from cli.common import INPUT, command, data_folder, option, output
from cli.data.songs import SONG, SongsOptions, songs_job
from cli.terminal.completion import generator_names
from engine.core.config import Settings, choice, plain, ranged
from offline.batch.files.seeds import MUSIC_FORMS

__all__ = ["BatchGenerateOptions", "BatchSongsOptions", "batch_generate_command", "batch_songs_command"]

MUSIC = "Music"
GENERATE_EXAMPLES = """\
examples:
  collaparte batch generate --model BachBot -o pieces/ --pieces 1000
  collaparte batch generate --model Frames -o pieces/ --pieces 100 --first 500 --form wav

Piece number N is what `collaparte generate --seed N` writes with the same options.
"""
SONGS_EXAMPLES = """\
examples:
  collaparte batch songs -o songs/ --songs 1000 --electronic 0.3
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchGenerateOptions(Settings):
    """Options of `collaparte batch generate`."""

    model: str = option(
        plain(MISSING, "a system (`collaparte generate --list` shows them), or the file of a frame network"),
        metavar="NAME|FILE.onnx",
        group=INPUT,
        names=generator_names,
    )
    data: Path | None = data_folder("folder of the chorales, for Markov")
    pieces: int = option(ranged(100, 1, 10_000_000, "pieces to write"), metavar="N", group=MUSIC)
    first: int = option(ranged(0, 0, 2**31, "seed of the first piece"), metavar="N", group=MUSIC)
    bars: int = option(ranged(16, 1, 100_000, "length, in bars of four quarter notes"), metavar="N", group=MUSIC)
    tempo: float = option(ranged(100.0, 10, 1000, "quarter notes per minute"), metavar="BPM", group=MUSIC)
    temperature: float = option(ranged(0.7, 0.05, 10, "higher is more surprising"), metavar="X", group=MUSIC)
    free: bool = option(plain(False, "allow parallel fifths and octaves"), group=MUSIC)
    key: str | None = option(choice(None, MUSICAL_KEYS, "Frames only: key"), metavar="KEY", group=MUSIC)
    form: str = option(choice(MUSIC_FORMS[0], MUSIC_FORMS, "form of the files"), group=MUSIC)
    output: str = output("DIR", "folder or address to write to")
    running: RunningOptions = plain(RunningOptions, "running")


@command(BatchGenerateOptions, GENERATE_EXAMPLES)
def batch_generate_command(options: BatchGenerateOptions) -> int:
    """Write all of them."""
    from cli.batch.start import Started, start_folder_batch
    from offline.batch.files.seeds import seed_items
    from offline.batch.jobs.music import generate_job
    from offline.generation.config import GeneratorConfig

    key = None if options.key is None else MUSICAL_KEYS.index(options.key)
    job = generate_job(
        options.model,
        data=options.data,
        config=GeneratorConfig(temperature=options.temperature, rules=not options.free, key=key),
        bars=options.bars,
        tempo=options.tempo,
        form=options.form,
    )
    found = seed_items(Path(options.model).stem, options.first, options.pieces)
    return start_folder_batch(Started(job=job, found=found, running=options.running), options.output)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSongsOptions(SongsOptions):
    """Options of `collaparte batch songs`."""

    running: RunningOptions = plain(RunningOptions, "running")


@command(BatchSongsOptions, SONGS_EXAMPLES)
def batch_songs_command(options: BatchSongsOptions) -> int:
    """Render all of them."""
    from cli.batch.start import Started, start_folder_batch
    from offline.batch.files.seeds import seed_items

    found = seed_items(SONG, options.first, options.songs)
    started = Started(job=songs_job(options), found=found, running=options.running)
    return start_folder_batch(started, str(options.output))
