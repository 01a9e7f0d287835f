"""`collaparte batch evaluate`: pieces to one table of how well they are followed or aligned."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cli.batch.options import RunningOptions
from cli.common import argument, command, features_option, output
from cli.score_options import FolderScoreOptions
from engine.core.config import Settings, plain

__all__ = ["BatchEvaluateOptions", "batch_evaluate_command"]

EXAMPLES = """\
examples:
  collaparte batch evaluate follow pieces/ -o follow.tsv
  collaparte batch evaluate align pieces/ -o align.parquet --features bands

One row for each piece and protocol: percent of onsets within so many milliseconds, errors in seconds, percent lost.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchEvaluateOptions(Settings):
    """Options of `collaparte batch evaluate`."""

    what: str = argument("follow|align", "what is measured")
    folder: Path = argument("FOLDER", "a folder of pieces: score, performance and truth.csv")
    output: str = output("TABLE.tsv|.csv|.parquet", "the table")
    reading: FolderScoreOptions = plain(FolderScoreOptions, "follow")
    features: str = features_option()
    running: RunningOptions = plain(RunningOptions, "running")


@command(BatchEvaluateOptions, EXAMPLES)
def batch_evaluate_command(options: BatchEvaluateOptions) -> int:
    """Measure all of them."""
    from cli.batch.start import Started, start_table_batch
    from cli.commands.align import align_config
    from engine.core.config import require_one_of
    from offline.batch.outputs.tables import require_table
    from offline.evaluation.track_job import ACCURACY_TABLE, TRACK_METHODS, TrackJob, piece_items
    from offline.following.presets import follow_by

    require_one_of("what", options.what, TRACK_METHODS)
    require_table("--output", options.output)
    job = TrackJob(
        method=options.what,
        follow=follow_by(options.features),
        align=align_config(options.features),
        reading=options.reading,
    )
    started = Started(job=job, found=piece_items(options.folder), running=options.running)
    return start_table_batch(started, {ACCURACY_TABLE: options.output})
