"""The jobs that make sets of sounds: scenes mixed of isolated sounds, and recordings with their labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import ClassVar

import soundfile

from engine.core.config import Settings, plain
from engine.detection.frame_clock import SOUND_RATE
from offline.batch.task import BatchItem, LocalFiles, Outcome, Pulse, TableSpec, Work
from offline.datasets.make_desed import ClipJob, clip_maker, find_clips
from offline.datasets.make_scenes import SceneJob, make_mixer
from offline.datasets.scenes import EVENT_HEADER, RenderedScene, event_rows, render_scene, write_scene_set

__all__ = [
    "STRONG",
    "WEAK",
    "WEAK_HEADER",
    "ClipsJob",
    "SceneAudioJob",
    "ScenesJob",
    "clip_items",
    "collect_scenes",
    "scene_items",
]

STRONG, WEAK = "strong", "weak"
WEAK_HEADER = ("filename", "event_labels")


def scene_items(scenes: SceneJob, ending: str) -> list[BatchItem]:
    """Return scenes as items; the path is a scene's number."""
    return [BatchItem(f"{scenes.seed}-{index:06d}{ending}", str(index)) for index in range(scenes.n_scenes)]


def clip_items(clips: ClipJob) -> list[BatchItem]:
    """Return recordings as items, called as their labels call them."""
    return [BatchItem(name, str(path)) for name, path in find_clips(clips).items()]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenesJob(Settings):
    """Mix scenes: log-mel, embeddings and events of each."""

    scenes: SceneJob = plain(MISSING, "what is mixed")

    kind: ClassVar[str] = "scenes"
    ending: ClassVar[str] = ".npz"
    tables: ClassVar[Mapping[str, TableSpec]] = {}

    def begin(self) -> Work:
        """Read the sounds."""
        mixer = make_mixer(self.scenes)

        def write(item: BatchItem, files: LocalFiles, part: Path, pulse: Pulse) -> Outcome:
            del files, pulse
            render_scene(mixer, self.scenes.seed, int(item.path), self.scenes.embeddings).save(part)
            return Outcome(audio_s=mixer.n_samples / SOUND_RATE)

        return write


def collect_scenes(scenes: SceneJob, parts: Path, folder: Path) -> None:
    """Write the set of the scenes that `ScenesJob` has left in a folder."""

    def each() -> Iterator[RenderedScene]:
        for item in scene_items(scenes, ScenesJob.ending):
            yield RenderedScene.open(parts / item.name)

    write_scene_set(folder, make_mixer(scenes), each(), seed=scenes.seed, n_scenes=scenes.n_scenes)


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneAudioJob(Settings):
    """Mix scenes as audio files, 32-bit float, with strong and weak labels."""

    scenes: SceneJob = plain(MISSING, "what is mixed")

    kind: ClassVar[str] = "scene audio"
    ending: ClassVar[str] = ".wav"
    tables: ClassVar[Mapping[str, TableSpec]] = {
        STRONG: TableSpec(EVENT_HEADER, ("onset", "offset")),
        WEAK: TableSpec(WEAK_HEADER),
    }

    def begin(self) -> Work:
        """Read the sounds."""
        mixer = make_mixer(self.scenes)

        def write(item: BatchItem, files: LocalFiles, part: Path, pulse: Pulse) -> Outcome:
            del files, pulse
            scene = mixer.scene(self.scenes.seed, int(item.path))
            soundfile.write(part, scene.audio, SOUND_RATE, subtype="FLOAT", format="WAV")
            strong = [list(row[1:]) for row in event_rows(item.name, scene.events)]
            weak = [[",".join(sorted({event.label for event in scene.events}))]]
            return Outcome(audio_s=len(scene.audio) / SOUND_RATE, tables={STRONG: strong, WEAK: weak})

        return write


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipsJob(Settings):
    """Make log-mel and embeddings of recordings and videos."""

    clips: ClipJob = plain(MISSING, "what is made of them")

    kind: ClassVar[str] = "clips"
    ending: ClassVar[str] = ".npz"
    tables: ClassVar[Mapping[str, TableSpec]] = {}

    def begin(self) -> Work:
        """Open the networks of the embeddings."""
        make = clip_maker(self.clips)

        def write(item: BatchItem, files: LocalFiles, part: Path, pulse: Pulse) -> Outcome:
            del item, pulse
            make(files.audio).save(part)
            return Outcome(audio_s=self.clips.seconds)

        return write
