"""`collaparte batch separate`: recordings to folders of stems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cli.batch.options import BatchOptions
from cli.commands.separate import StemOptions, separation_of, stem_job_of
from cli.common import command
from engine.core.config import plain

if TYPE_CHECKING:
    from offline.batch.jobs.stems import StemsJob
    from offline.batch.manifest import ManifestEntry
    from offline.batch.output_folders import StemJob
    from offline.batch.task import BatchItem, BatchPlace

__all__ = ["BatchSeparateOptions", "batch_separate_command"]

EXAMPLES = """\
examples:
  collaparte batch separate songs/ -o stems/ --model unmix
  collaparte batch separate "songs/**/*.flac" list.txt -o stems/ --workers 4 --memory 2
  collaparte batch separate s3://bucket/songs/ -o s3://bucket/stems/ --cluster tcp://scheduler:8786

Folders are named as by `collaparte separate`. The same command again does what is left or has changed; stems of other
settings are replaced with --overwrite only.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSeparateOptions(BatchOptions):
    """Options of `collaparte batch separate`."""

    stems: StemOptions = plain(StemOptions, "separate")


@command(BatchSeparateOptions, EXAMPLES)
def batch_separate_command(options: BatchSeparateOptions) -> int:
    """Separate all of them."""
    from cli.batch.start import Started, start_folder_batch
    from offline.batch.files.inputs import find_items
    from offline.batch.files.storage import is_address
    from offline.batch.jobs.stems import StemsJob

    job = StemsJob(separation=separation_of(options.stems, bar=False))
    place = partial(_stem_places, Path(options.output), job, stem_job_of(options.stems))
    started = Started(
        job=job,
        found=find_items(options.inputs, output=options.output),
        running=options.running,
        then="listen to them",
        place=None if is_address(options.output) else place,
    )
    return start_folder_batch(started, options.output)


def _stem_places(
    output: Path, job: StemsJob, stems: StemJob, items: Sequence[BatchItem], entries: Mapping[str, ManifestEntry]
) -> list[BatchPlace]:
    from offline.batch.outputs.stem_places import stem_places

    return stem_places([Path(item.path) for item in items], output, job.separation, stems)
