"""`collaparte batch tag`: recordings to one table of sound events."""

from __future__ import annotations

from dataclasses import dataclass

from cli.batch.options import RunningOptions, batch_inputs
from cli.commands.tag import detector_of_files
from cli.common import OUTPUT, command, option, output
from cli.detector_options import DetectorOptions
from cli.terminal.places import WRITES_FILE
from engine.core.config import plain

__all__ = ["BatchTagOptions", "batch_tag_command"]

EXAMPLES = """\
examples:
  collaparte batch tag archive/ -o events.parquet
  collaparte batch tag archive/ -o events.tsv --tags tags.csv --workers 8
  collaparte batch tag archive/ -o events.tsv --cluster tcp://127.0.0.1:8786

Rows are in the order of the inputs. The tables are written when nothing is left to do; what is done until then is in
EVENTS.batch/, and the same command again goes on from there.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchTagOptions(DetectorOptions):
    """Options of `collaparte batch tag`."""

    inputs: tuple[str, ...] = batch_inputs()
    output: str = output("EVENTS.tsv|.csv|.parquet", "table of the events")
    tags: str | None = option(
        plain(None, "table of the labels of each recording"),
        metavar="TAGS.tsv|.csv|.parquet",
        group=OUTPUT,
        writes=WRITES_FILE,
    )
    running: RunningOptions = plain(RunningOptions, "running")


@command(BatchTagOptions, EXAMPLES)
def batch_tag_command(options: BatchTagOptions) -> int:
    """Tag all of them."""
    from cli.batch.start import Started, start_table_batch
    from offline.batch.files.inputs import find_items
    from offline.batch.jobs.tags import EVENT_TABLE, TAG_TABLE, TagJob
    from offline.batch.outputs.tables import require_table

    tables = {EVENT_TABLE: options.output, **({} if options.tags is None else {TAG_TABLE: options.tags})}
    for name, path in zip(("--output", "--tags"), tables.values(), strict=False):
        require_table(name, path)
    job = TagJob(detect=detector_of_files(options))
    started = Started(job=job, found=find_items(options.inputs), running=options.running)
    return start_table_batch(started, tables)
