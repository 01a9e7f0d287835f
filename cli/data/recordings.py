"""`collaparte data desed`: recordings with their labels, packed to train or to measure detection on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cli.common import argument, command, option
from cli.data.corpora import FolderOptions
from cli.data.making import made_here
from cli.terminal.report import batch_summary, wrote
from cli.terminal.stopping import USER_ERROR
from engine.core.config import plain, ranged

if TYPE_CHECKING:
    from offline.datasets.make_desed import ClipJob
    from offline.datasets.scenes import SceneSet

__all__ = ["DesedOptions", "data_desed_command", "pack_clips"]

EXAMPLES = """\
examples:
  collaparte data desed recordings/ -o train/ --labels strong.tsv
  collaparte data desed videos/ -o train/ --labels weak.tsv --embedding yamnet=yamnet.onnx --visual see=see.onnx
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DesedOptions(FolderOptions):
    """Options of `collaparte data desed`."""

    audio: Path = argument("FOLDER", "folder of recordings, or of videos")
    labels: Path | None = option(plain(None, "strong or weak; without it the clips are unlabelled"), metavar="TSV")
    classes: tuple[str, ...] = option(plain((), "in order (default those of the TSV)"), metavar="NAME...", several=True)
    embedding: tuple[str, ...] = option(
        plain((), "store the vectors of this ONNX file too, with its FILE.toml"), metavar="NAME=FILE"
    )
    visual: tuple[str, ...] = option(
        plain((), "store the vectors that this ONNX file gives of the pictures, with its FILE.toml"),
        metavar="NAME=FILE",
    )
    peak: bool = plain(False, "bring every clip to peak 1 first, as Boes and Van hamme (2021)")
    seconds: float | None = ranged(None, 0.1, 600, "length of a clip (default 10.03, 151 steps)", unit="s")


@command(DesedOptions, EXAMPLES)
def data_desed_command(options: DesedOptions) -> int:
    """Pack the clips."""
    made, n_failed = pack_clips(options)
    print(f"{options.output}: {len(made)} clips, {made.known}, of {', '.join(made.classes)}")
    wrote([options.output], then=f"collaparte train detection --sets {options.output} -o run/")
    batch_summary(done=len(made), failed=n_failed)
    return USER_ERROR if n_failed else 0


def pack_clips(options: DesedOptions) -> tuple[SceneSet, int]:
    """Write the set of all that can be read; return it, and how many could not be."""
    from tempfile import TemporaryDirectory

    from offline.batch.jobs.scenes import ClipsJob, clip_items
    from offline.batch.outputs.places import FilePlace
    from offline.datasets.make_desed import clip_classes, collect_clips
    from offline.datasets.scenes import save_scene_set

    job = _clip_job(options)
    clip_classes(job)
    items = clip_items(job)
    options.output.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".parts-", dir=options.output) as folder:
        parts = {item.name: Path(folder) / f"{i}{ClipsJob.ending}" for i, item in enumerate(items)}
        places = [FilePlace(path.parent, path.name) for path in parts.values()]
        reports = list(made_here(ClipsJob(clips=job), items, Path(folder), "clip", places=places))
        done = {report.name for report in reports if report.done}
        made = collect_clips(job, {name: path for name, path in parts.items() if name in done})
    save_scene_set(options.output, made)
    return made, len(items) - len(made)


def _clip_job(options: DesedOptions) -> ClipJob:
    from offline.datasets.make_desed import ClipJob
    from offline.datasets.soundscapes import SECONDS
    from offline.datasets.video import read_visual
    from offline.detection.presets import parse_embeddings

    pairs = [text.partition("=")[::2] for text in options.visual]
    return ClipJob(
        audio=options.audio,
        labels=options.labels,
        classes=options.classes,
        auditory=parse_embeddings(options.embedding),
        visual={name: read_visual(Path(file)) for name, file in pairs},
        peak=options.peak,
        seconds=SECONDS if options.seconds is None else options.seconds,
    )
