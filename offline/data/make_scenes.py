"""Mix a set of soundscapes from a folder of sounds: log-mel and labels to train on, or audio files to listen to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import soundfile

from engine.config import require, require_one_of
from engine.inference.steps import SOUND_RATE
from offline.data.alarms import FAMILIES
from offline.data.scenes import write_set, write_tsv
from offline.data.sounds import FROZEN_SPLIT, SPLITS, load_bank, read_split
from offline.data.soundscapes import Interval, MixConfig, Mixer

__all__ = ["SceneJob", "alarm_families", "make_audio", "make_mixer", "make_set"]

ALARM_PREFIX = "alarm:"  # of the families' rows in the frozen split


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneJob:
    """What to mix.

    sounds: folder of isolated sounds; which: one of SPLITS; n_scenes: 1 to 1,000,000; seed: any whole number, sets
    of different seeds share no scene; mix: how; alarms: whether synthetic alarms are a class.
    """

    sounds: Path
    which: str = "train"
    n_scenes: int = 1000
    seed: int = 0
    mix: MixConfig
    alarms: bool = True

    def __post_init__(self) -> None:
        require_one_of("which", self.which, SPLITS)
        require("n_scenes", self.n_scenes, 1, 1_000_000)


def alarm_families(which: str, chosen: Mapping[str, str] | None = None) -> list[str]:
    """The families of alarms that belong to a split."""
    chosen = chosen if chosen is not None else read_split(FROZEN_SPLIT)
    return [family for family in FAMILIES if chosen.get(ALARM_PREFIX + family) == which]


def make_mixer(job: SceneJob) -> Mixer:
    """Read the sounds of the split and get ready to mix."""
    bank = load_bank(job.sounds, SOUND_RATE, job.which)
    return Mixer(bank, alarm_families(job.which) if job.alarms else (), job.mix)


def make_set(job: SceneJob, folder: Path, *, n_processes: int = 1) -> None:
    """Write log-mel and labels (`offline.data.scenes.write_set`)."""
    write_set(folder, make_mixer(job), job.n_scenes, job.seed, n_processes=n_processes)


def make_audio(job: SceneJob, folder: Path) -> None:
    """Write scenes as audio in DESED's layout: `audio/*.wav`, 32-bit float, `strong.tsv` and `weak.tsv`."""
    mixer = make_mixer(job)
    (folder / "audio").mkdir(parents=True, exist_ok=True)
    events: dict[str, list[Interval]] = {}
    for index in range(job.n_scenes):
        scene = mixer.scene(job.seed, index)
        name = f"{job.seed}-{index:06d}.wav"
        soundfile.write(folder / "audio" / name, scene.audio, SOUND_RATE, subtype="FLOAT")
        events[name] = scene.events
    write_tsv(folder / "strong.tsv", events)
    weak = (f"{name}\t{','.join(sorted({e.label for e in of}))}\n" for name, of in events.items())
    (folder / "weak.tsv").write_text("filename\tevent_labels\n" + "".join(weak), encoding="utf-8")
