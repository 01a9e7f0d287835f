"""What a set of soundscapes is mixed of, from folders of sounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from pathlib import Path

from engine.core.config import Settings, choice, plain, ranged
from engine.core.errors import ConfigError
from engine.detection.embedding import EmbeddingConfig
from engine.detection.frame_clock import SOUND_RATE
from offline.datasets.soundscapes import SceneMixConfig, SceneMixer
from offline.synthesis.alarms import FAMILIES
from offline.synthesis.sound_bank import FROZEN_SPLIT, SPLITS, load_bank, merge_banks, read_split

__all__ = ["SceneJob", "alarm_families", "make_mixer"]

ALARM_PREFIX = "alarm:"  # prefix of the families' rows in the frozen split


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneJob(Settings):
    """What is mixed; sets of different seeds share no scene."""

    sounds: Path = plain(MISSING, "folder of isolated sounds")
    more: tuple[Path, ...] = plain((), "further such folders, such as music to lie under the sounds")
    beds: bool = plain(False, "no backgrounds but those of the further folders")
    which: str = choice("train", SPLITS, "part of the sounds")
    n_scenes: int = ranged(1000, 1, 1_000_000, "scenes")
    seed: int = plain(0, "seed of the set, any whole number")
    mix: SceneMixConfig = plain(MISSING, "how scenes are mixed")
    alarms: bool = plain(True, "synthetic alarms among the classes")
    embeddings: Mapping[str, EmbeddingConfig] = plain(dict, "embeddings that are stored besides log-mel, by name")


def alarm_families(which: str, chosen: Mapping[str, str] | None = None) -> list[str]:
    """Return the families of alarms that belong to a split."""
    chosen = chosen if chosen is not None else read_split(FROZEN_SPLIT)
    return [family for family in FAMILIES if chosen.get(ALARM_PREFIX + family) == which]


def make_mixer(job: SceneJob) -> SceneMixer:
    """Read the sounds of the split and make a mixer."""
    banks = [load_bank(folder, SOUND_RATE, job.which) for folder in (job.sounds, *job.more)]
    if job.beds:
        banks[0].parts.pop("_background", None)
    bank = merge_banks(banks)
    if job.beds and not bank.sources("_background"):
        raise ConfigError("--beds", expected=f"--more with _background for {job.which}", got="none")
    return SceneMixer(bank, alarm_families(job.which) if job.alarms else (), job.mix)
