"""`collaparte batch align` and `follow`: pieces, each a score and a recording."""

from __future__ import annotations

from dataclasses import dataclass

from cli.batch.options import RunningOptions
from cli.commands.align import align_config
from cli.common import argument, command, features_option, output
from cli.score_options import FolderScoreOptions
from engine.core.config import Settings, plain

__all__ = ["BatchAlignOptions", "BatchFollowOptions", "batch_align_command", "batch_follow_command"]

TABLE = "a table with the columns score and audio, and a name if you like; paths are taken from its folder"
ALIGN_EXAMPLES = """\
examples:
  collaparte batch align pieces.csv -o aligned/
  collaparte batch align pieces.csv -o aligned/ --features bands --straight
"""
FOLLOW_EXAMPLES = """\
examples:
  collaparte batch follow pieces.csv -o followed/
  collaparte batch follow pieces.csv -o followed/ --features bands
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchFollowOptions(Settings):
    """Options of `collaparte batch follow`."""

    pieces: str = argument("PIECES.csv", TABLE)
    output: str = output("DIR", "folder or address to write to")
    reading: FolderScoreOptions = plain(FolderScoreOptions, "follow")
    features: str = features_option()
    running: RunningOptions = plain(RunningOptions, "running")


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchAlignOptions(BatchFollowOptions):
    """Options of `collaparte batch align`."""

    straight: bool = plain(False, "do not look for omitted or repeated passages")


@command(BatchAlignOptions, ALIGN_EXAMPLES)
def batch_align_command(options: BatchAlignOptions) -> int:
    """Align all of them."""
    from cli.batch.start import Started, start_folder_batch
    from offline.batch.files.inputs import find_pairs
    from offline.batch.jobs.alignments import AlignJob

    config = align_config(options.features, jumps=not options.straight)
    job = AlignJob(config=config, reading=options.reading)
    started = Started(job=job, found=find_pairs(options.pieces), running=options.running)
    return start_folder_batch(started, options.output)


@command(BatchFollowOptions, FOLLOW_EXAMPLES)
def batch_follow_command(options: BatchFollowOptions) -> int:
    """Follow all of them."""
    from cli.batch.start import Started, start_folder_batch
    from offline.batch.files.inputs import find_pairs
    from offline.batch.jobs.alignments import FollowJob
    from offline.following.presets import follow_by

    job = FollowJob(follow=follow_by(options.features), reading=options.reading)
    started = Started(job=job, found=find_pairs(options.pieces), running=options.running)
    return start_folder_batch(started, options.output)
