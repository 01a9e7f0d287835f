"""Make a set to train or evaluate on from recordings with labels as in DESED: log-mel, labels, and embeddings.

Strong labels, weak ones or none, according to the TSV file; training takes any mixture of such sets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass
from pathlib import Path

import numpy as np

from engine.audio.files import AudioReader
from engine.audio.suffixes import is_audio
from engine.core.config import Settings, plain, ranged
from engine.core.errors import ConfigError
from engine.detection.embedding import EmbeddingConfig
from engine.detection.event_decoder import Interval
from engine.detection.frame_clock import SOUND_RATE, STEP, step_end
from offline.datasets.desed import LabelFile, find_audio, read_labels
from offline.datasets.scenes import RenderedScene, SceneSet, embed_steps, label_steps, log_mel, log_mel_front_end
from offline.datasets.soundscapes import SECONDS
from offline.datasets.video import Visual, VisualConfig, read_soundtrack
from offline.resample import resample

__all__ = ["ClipJob", "clip_classes", "clip_maker", "collect_clips", "find_clips"]

VIDEO = {".mp4", ".mkv", ".mov", ".avi", ".webm"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipJob(Settings):
    """What is made of a folder of recordings."""

    audio: Path = plain(MISSING, "folder of recordings or videos")
    labels: Path | None = plain(None, "TSV file of their labels; None for none")
    classes: tuple[str, ...] = plain((), "classes in order; none for those of the TSV file")
    auditory: Mapping[str, EmbeddingConfig] = plain(dict, "embeddings of the sound, by name")
    visual: Mapping[str, VisualConfig] = plain(dict, "embeddings of the pictures, by name")
    peak: bool = plain(False, "bring every clip to peak 1 first, as Boes and Van hamme (2021)")
    seconds: float = ranged(SECONDS, 1, 600, "length to which clips are cut or padded with silence", unit="s")


def clip_maker(job: ClipJob) -> Callable[[Path], RenderedScene]:
    """Open the networks; return what makes log-mel and embeddings of a file, whose events are not known to it."""
    n_steps = _n_steps(job)
    seen = {name: Visual(config) for name, config in job.visual.items()}
    front = log_mel_front_end()
    ends_s = np.array([step_end(k) / SOUND_RATE for k in range(n_steps)])

    def make(path: Path) -> RenderedScene:
        audio = _sound(path)[: n_steps * STEP]
        if job.peak:
            audio = audio / max(float(np.abs(audio).max(initial=0)), 1e-6)
        audio = np.pad(audio, (0, n_steps * STEP - len(audio)))
        vectors = {name: embed_steps(audio, config) for name, config in job.auditory.items()}
        vectors |= {name: visual.steps(path, ends_s).astype(np.float16) for name, visual in seen.items()}
        return RenderedScene(log_mel(audio, front).astype(np.float16), vectors, ())

    return make


def find_clips(job: ClipJob) -> dict[str, Path]:
    """Return recordings by name, including videos, also where the labels name only their sound."""
    labels = None if job.labels is None else read_labels(job.labels)
    videos = {p.name: p for p in sorted(job.audio.rglob("*")) if p.suffix.lower() in VIDEO}
    if labels is None:
        return videos or find_audio(job.audio)
    stems = {Path(name).stem: path for name, path in videos.items()}
    found = find_audio(job.audio, labels.weak)
    return {**{n: stems[Path(n).stem] for n in labels.weak if Path(n).stem in stems}, **found}


def clip_classes(job: ClipJob) -> tuple[str, ...]:
    """Return the classes, in order; ConfigError if nothing names them."""
    labels = None if job.labels is None else read_labels(job.labels)
    if classes := job.classes or (tuple(sorted(labels.labels)) if labels else ()):
        return classes
    raise ConfigError("--classes", expected="the labels, where no TSV names them", got="none")


def collect_clips(job: ClipJob, parts: Mapping[str, Path]) -> SceneSet:
    """Return the set of the clips that were made, by name, in order; ConfigError if there is none."""
    if not parts:
        raise ConfigError(str(job.audio), expected="clips that can be read", got="none")
    labels = None if job.labels is None else read_labels(job.labels)
    classes = clip_classes(job)
    events, steps = {}, []
    for name in parts:
        events[name], row = _labels(name, labels, classes, _n_steps(job))
        steps.append(row)
    made = [RenderedScene.open(path) for path in parts.values()]
    known = "unlabelled" if labels is None else "weak" if labels.strong is None else "strong"
    vectors = {name: np.stack([clip.embeddings[name] for clip in made]) for name in made[0].embeddings}
    return SceneSet(classes, np.stack([clip.mel for clip in made]), np.stack(steps), events, known, vectors)


def _n_steps(job: ClipJob) -> int:
    return -(-round(job.seconds * SOUND_RATE) // STEP)


def _sound(path: Path) -> np.ndarray:
    if not is_audio(path) or path.suffix.lower() in VIDEO:
        return read_soundtrack(path, SOUND_RATE)
    with AudioReader(path) as reader:
        mono = np.nan_to_num(reader.read().mean(1, keepdims=True))
        return resample(mono, reader.format.sample_rate, SOUND_RATE)[:, 0]


def _labels(
    name: str, labels: LabelFile | None, classes: tuple[str, ...], n_steps: int
) -> tuple[list[Interval], np.ndarray]:
    """Return events and labels (step, class) of a clip; weak labels are set in every step."""
    if labels is None:
        return [], np.zeros((n_steps, len(classes)), np.uint8)
    if labels.strong is not None:
        of = [e for e in labels.strong[name] if e.label in classes]
        return of, label_steps(of, classes, n_steps)
    whole = [Interval(0.0, n_steps * STEP / SOUND_RATE, label) for label in classes if label in labels.weak[name]]
    return whole, np.repeat([[label in labels.weak[name] for label in classes]], n_steps, axis=0).astype(np.uint8)
