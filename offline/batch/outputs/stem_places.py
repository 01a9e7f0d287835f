"""Where the stems of a batch go: into folders of their own, claimed before the work, if the disk has room."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.audio.files import STEM_BYTES, AudioReader
from engine.core.errors import EngineError
from engine.core.output_limits import require_room
from offline.batch.jobs.stems import Separation
from offline.batch.output_folders import StemFolder, StemJob, claimed_folders, stem_folders
from offline.batch.outputs.places import RefusedPlace
from offline.batch.task import BatchPlace

__all__ = ["require_room_for_stems", "stem_places"]

SAMPLE = 200  # files that are opened to see how much room a large batch takes


def stem_places(files: Sequence[Path], output: Path, separation: Separation, job: StemJob) -> list[BatchPlace]:
    """Return the folder of each file, all of them in the record, or why it cannot be written.

    OutputError, before anything is written, if the disk has no room for all stems.
    """
    folders = stem_folders(files, output, job)
    usable = [file for file, to in zip(files, folders, strict=True) if isinstance(to, StemFolder)]
    targets = require_room_for_stems(usable, output, separation)
    claimed = iter(claimed_folders([to for to in folders if isinstance(to, StemFolder)], output, targets))
    return [next(claimed) if isinstance(to, StemFolder) else RefusedPlace(to) for to in folders]


def require_room_for_stems(files: Sequence[Path], output: Path, separation: Separation) -> Sequence[str]:
    """Return the names of the stems; OutputError unless there is room for those of all files that can be read.

    Of many files every so manieth is opened, and the others are taken to be like it.
    """
    targets: Sequence[str] = ()
    n_bytes, step = 0, -(-len(files) // SAMPLE)
    for file in files[:: max(step, 1)]:
        try:
            with AudioReader(file) as reader:
                targets = targets or tuple(separation.targets(reader.format))
                n_bytes += reader.n_samples * reader.format.n_channels * len(targets) * STEM_BYTES
        except EngineError:
            continue  # will be told when it is its turn
    if n_bytes:
        require_room(output, n_bytes * max(step, 1), "stems")
    return targets
