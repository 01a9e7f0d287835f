"""`collaparte batch features`: recordings to arrays."""

from __future__ import annotations

from dataclasses import dataclass

from cli.batch.options import BatchOptions
from cli.common import OUTPUT, command, option
from engine.core.config import choice
from offline.batch.feature_choices import ARRAY_FORMATS, BATCH_FEATURES

__all__ = ["BatchFeaturesOptions", "batch_features_command"]

EXAMPLES = """\
examples:
  collaparte batch features songs/ -o features/ --features cqt chroma salience learned
  collaparte batch features songs/ -o features/ --features cqt --form zarr

Each recording gets a folder with an array (frame, feature) of float32 for each feature, and clock.json, which says when
the frames are: frame t describes the instant first_s + t / rate_hz.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchFeaturesOptions(BatchOptions):
    """Options of `collaparte batch features`."""

    features: tuple[str, ...] = option(
        choice(("cqt",), BATCH_FEATURES, "front ends, salience of pitches, or learned embeddings"),
        metavar="NAME...",
        several=True,
        group=OUTPUT,
    )
    form: str = option(choice(ARRAY_FORMATS[0], ARRAY_FORMATS, "form of the arrays"), group=OUTPUT)


@command(BatchFeaturesOptions, EXAMPLES)
def batch_features_command(options: BatchFeaturesOptions) -> int:
    """Write the features of all of them."""
    from cli.batch.start import Started, start_folder_batch
    from offline.batch.files.inputs import find_items
    from offline.batch.jobs.features import FeaturesJob

    job = FeaturesJob(features=options.features, form=options.form)
    found = find_items(options.inputs, output=options.output)
    return start_folder_batch(Started(job=job, found=found, running=options.running), options.output)
