"""`collaparte data scenes`: mixed scenes out of isolated sounds, to train detection on or to listen to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.common import argument, command, option, random_seed
from cli.data.corpora import FolderOptions
from cli.data.making import made_here
from cli.terminal.report import wrote
from engine.core.config import choice, plain, ranged
from engine.core.errors import ConfigError

if TYPE_CHECKING:
    from offline.batch.task import BatchItem, BatchJob, TaskReport
    from offline.datasets.make_scenes import SceneJob
    from offline.datasets.soundscapes import SceneMixConfig

__all__ = ["ScenesOptions", "data_scenes_command", "mix_scenes"]

EXAMPLES = """\
examples:
  collaparte data scenes sounds/ -o train/ --rich --scenes 2000
  collaparte data scenes sounds/ -o test/ --which test --seed 1
  collaparte data scenes sounds/ -o listen/ --audio --scenes 10        audio files in DESED's layout
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenesOptions(FolderOptions):
    """Options of `collaparte data scenes`."""

    sounds: Path = argument("SOUNDS", "folder of isolated sounds, LABEL/NAME.wav")
    more: tuple[Path, ...] = option(plain((), "further such folders"), metavar="FOLDER...", several=True)
    beds: bool = plain(False, "no backgrounds but those of the further folders")
    which: str = choice("train", ("train", "validation", "test"), "part of the sounds")
    scenes: int = option(ranged(1000, 1, 10_000_000, "scenes to mix"), short="-n", metavar="N")
    seed: int = random_seed()
    rich: bool = plain(False, "rooms, noise, distractors and changed sounds, to train on")
    distractors: float | None = ranged(None, 0, 1, "share of the scenes with sounds that are no event")
    speed: float | None = ranged(None, 0, 1, "largest change of a sound's speed with --rich (default 0.1)")
    empty: bool = plain(False, "no events at all: what must not be reported as any")
    alarms: bool = plain(True, "synthetic alarms among the sounds")
    embedding: tuple[str, ...] = option(
        plain((), "store the vectors of this ONNX file too, with its FILE.toml"), metavar="NAME=FILE"
    )
    audio: bool = plain(False, "audio files in DESED's layout instead of log-mel")
    jobs: int = ranged(1, 1, 1024, "processes")


@command(ScenesOptions, EXAMPLES)
def data_scenes_command(options: ScenesOptions) -> int:
    """Mix one set."""
    mix_scenes(options)
    wrote([options.output], then="" if options.audio else f"collaparte train detection --sets {options.output} -o run/")
    return 0


def mix_scenes(options: ScenesOptions) -> None:
    """Mix a set of log-mel and labels, or of audio files."""
    _check(options)
    from offline.datasets.make_scenes import SceneJob
    from offline.detection.presets import parse_embeddings

    job = SceneJob(
        sounds=options.sounds,
        more=options.more,
        beds=options.beds,
        which=options.which,
        n_scenes=options.scenes,
        seed=options.seed,
        mix=_mix(options),
        alarms=options.alarms,
        embeddings=parse_embeddings(options.embedding),
    )
    if options.audio:
        _write_audio(options, job)
    else:
        _write_set(options, job)


def _write_set(options: ScenesOptions, job: SceneJob) -> None:
    from tempfile import TemporaryDirectory

    from offline.batch.jobs.scenes import ScenesJob, collect_scenes, scene_items

    options.output.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".parts-", dir=options.output) as parts:
        _make(options, ScenesJob(scenes=job), scene_items(job, ScenesJob.ending), Path(parts))
        collect_scenes(job, Path(parts), options.output)


def _write_audio(options: ScenesOptions, job: SceneJob) -> None:
    from engine.core.table_log import table_text
    from engine.core.whole_file import whole_text
    from offline.batch.jobs.scenes import SceneAudioJob, scene_items

    items = scene_items(job, SceneAudioJob.ending)
    made = {
        report.name: report for report in _make(options, SceneAudioJob(scenes=job), items, options.output / "audio")
    }
    for table, spec in SceneAudioJob.tables.items():
        rows = [(item.name, *row) for item in items for row in made[item.name].tables[table]]
        with whole_text(options.output / f"{table}.tsv") as file:
            file.write(table_text([spec.columns, *rows], "\t"))


def _make(options: ScenesOptions, job: BatchJob, items: Sequence[BatchItem], folder: Path) -> list[TaskReport]:
    """Every scene, or the error of the first that cannot be made: a set has no holes."""
    reports = list(made_here(job, items, folder, "scene", workers=options.jobs))
    if missing := [report for report in reports if not report.done]:
        raise ConfigError(str(options.output), expected=f"{len(items)} scenes", got=missing[0].error)
    return reports


def _check(options: ScenesOptions) -> None:
    if options.audio and options.embedding:
        raise ConfigError("--embedding", expected="a set of log-mel", got="--audio", remedy="leave one of them out")
    if options.speed is not None and not options.rich:
        raise ConfigError("--speed", expected="--rich besides", got="--speed alone", remedy="add --rich")


def _mix(options: ScenesOptions) -> SceneMixConfig:
    from offline.datasets.soundscapes import SceneMixConfig

    own: dict[str, Any] = {} if options.distractors is None else {"p_distractor": options.distractors}
    own |= {"p_empty": 1.0} if options.empty else {}
    own |= {} if options.speed is None else {"speed": options.speed}
    return SceneMixConfig.training(**own) if options.rich else SceneMixConfig(**own)
