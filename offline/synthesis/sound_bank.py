"""Isolated sounds for mixing: a folder for each label, split by source into train, validation and test.

The layout is LABEL/NAME.wav (any format that soundfile reads), with a `manifest.csv` (file, label, source, ...)
beside the folders or, without one, each file as its own source. Labels that begin with `_` are no events:
`_background` lies under everything, `_distractor` sounds but must not be reported.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import soundfile

from engine.core.errors import AudioFileError, ConfigError
from offline.resample import resample

__all__ = [
    "FROZEN_SPLIT",
    "SPLITS",
    "SoundBank",
    "SoundFile",
    "active_parts",
    "list_sounds",
    "load_bank",
    "merge_banks",
    "read_split",
    "split",
    "write_split",
]

Audio = npt.NDArray[np.float32]

SPLITS = ("train", "validation", "test")
SHARES = (0.6, 0.16, 0.24)
FROZEN_SPLIT = Path(__file__).with_name("sound_events_split.csv")
SUFFIXES = {".wav", ".flac", ".ogg", ".mp3", ".aif", ".aiff"}
RANGE_DB = 30.0  # below the loudest 10 ms: what lies lower is silence
GAP_S = 0.25  # shorter silences are part of an event
LEAST_S = 0.06


class SoundFile(NamedTuple):
    """One file: path, label, source (the recording or speaker that it comes from)."""

    path: Path
    label: str
    source: str


def list_sounds(folder: Path) -> list[SoundFile]:
    """Return every sound under `folder`, in a fixed order; ConfigError if there is none."""
    manifest = folder / "manifest.csv"
    if manifest.is_file():
        with manifest.open(newline="", encoding="utf-8") as lines:
            sounds = [SoundFile(folder / r["file"], r["label"], r["source"]) for r in csv.DictReader(lines)]
    else:
        files = (p for p in folder.glob("*/*") if p.suffix.lower() in SUFFIXES)
        sounds = [SoundFile(p, p.parent.name, f"{p.parent.name}/{p.stem}") for p in files]
    if not sounds:
        raise ConfigError(str(folder), expected="sounds as LABEL/NAME.wav", got="none")
    return sorted(sounds)


def split(sounds: Iterable[SoundFile], seed: int = 0) -> dict[str, str]:
    """Choose the split of each source: greedily, rarest labels first, so that every label is in each.

    The source with most files of a label goes where most is missing; a source with several labels stays whole.
    """
    files: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for sound in sounds:
        files[sound.label][sound.source] += 1
    rng = np.random.default_rng(seed)
    chosen: dict[str, str] = {}
    for label in sorted(files, key=lambda name: (len(files[name]), name)):
        sources = sorted(files[label])
        rng.shuffle(sources)
        # A network can memorise sources, not files: distribute those.
        have = [sum(chosen.get(s) == name for s in sources) for name in SPLITS]
        for source in (s for s in sources if s not in chosen):
            missing = [share * len(sources) - n for share, n in zip(SHARES, have, strict=True)]
            empty = [i for i, n in enumerate(have) if n == 0]
            place = empty[0] if len(empty) >= len(sources) - sum(have) else int(np.argmax(missing))
            chosen[source] = SPLITS[place]
            have[place] += 1
    return chosen


def read_split(path: Path = FROZEN_SPLIT) -> dict[str, str]:
    """Read a frozen split: from source to one of SPLITS."""
    with path.open(newline="", encoding="utf-8") as lines:
        return {row["source"]: row["split"] for row in csv.DictReader(lines)}


def write_split(chosen: Mapping[str, str], path: Path) -> None:
    """Write a frozen split."""
    with path.open("w", newline="", encoding="utf-8") as lines:
        rows = csv.writer(lines, lineterminator="\n")
        rows.writerow(["source", "split"])
        rows.writerows(sorted(chosen.items()))


def active_parts(audio: Audio, sample_rate: int) -> list[tuple[int, int]]:
    """Return first and last sample of active parts: within 30 dB of the loudest 10 ms, with silences under 0.25 s."""
    hop = max(sample_rate // 100, 1)
    n = len(audio) // hop
    if n == 0:
        return []
    level = 10 * np.log10((audio[: n * hop].reshape(n, hop) ** 2).mean(1) + 1e-12)
    edges = np.flatnonzero(np.diff(np.r_[0, (level > level.max() - RANGE_DB).astype(int), 0])).reshape(-1, 2)
    parts: list[tuple[int, int]] = []
    for first, last in edges * hop:
        if parts and first - parts[-1][1] < GAP_S * sample_rate:
            parts[-1] = parts[-1][0], int(last)
        else:
            parts.append((int(first), int(last)))
    return [(a, b) for a, b in parts if b - a >= LEAST_S * sample_rate]


@dataclass(frozen=True, slots=True)
class SoundBank:
    """Active parts of sounds at one rate.

    sample_rate: Hz
    parts: label to source to list of (sample) float32 arrays, each of peak 1
    """

    sample_rate: int
    parts: dict[str, dict[str, list[Audio]]]

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the labels that are events."""
        return tuple(sorted(label for label in self.parts if not label.startswith("_")))

    def sources(self, label: str) -> list[str]:
        """Return the sources of a label, in a fixed order; none if there is no such label."""
        return sorted(self.parts.get(label, {}))


def merge_banks(banks: Sequence[SoundBank]) -> SoundBank:
    """Merge the sounds of several folders into one bank; their sources stay apart."""
    parts: dict[str, dict[str, list[Audio]]] = defaultdict(dict)
    for number, bank in enumerate(banks):
        for label, of in bank.parts.items():
            parts[label].update({f"{number}/{source}" if number else source: audio for source, audio in of.items()})
    return SoundBank(banks[0].sample_rate, dict(parts))


def load_bank(
    folder: Path, sample_rate: int, which: str = "train", chosen: Mapping[str, str] | None = None
) -> SoundBank:
    """Read one of SPLITS into memory, mono at `sample_rate` Hz, cut to the active parts.

    chosen: source to split; without it the column `split` of the manifest, or the frozen one if it knows the sources,
    or a fresh `split`
    """
    sounds = list_sounds(folder)
    if chosen is None:
        chosen = _manifest_split(folder) or _frozen_or_fresh(sounds)
    parts: dict[str, dict[str, list[Audio]]] = defaultdict(lambda: defaultdict(list))
    for sound in sounds:
        if chosen.get(sound.source) != which:
            continue
        audio = _read(sound.path, sample_rate)
        whole = sound.label == "_background"
        for first, last in [(0, len(audio))] if whole else active_parts(audio, sample_rate):
            part = audio[first:last]
            parts[sound.label][sound.source].append(part / max(float(np.abs(part).max(initial=0.0)), 1e-6))
    return SoundBank(sample_rate, {label: dict(of) for label, of in parts.items()})


def _manifest_split(folder: Path) -> dict[str, str]:
    manifest = folder / "manifest.csv"
    if not manifest.is_file():
        return {}
    with manifest.open(newline="", encoding="utf-8") as lines:
        return {row["source"]: row["split"] for row in csv.DictReader(lines) if row.get("split")}


def _frozen_or_fresh(sounds: Sequence[SoundFile]) -> dict[str, str]:
    frozen = read_split() if FROZEN_SPLIT.is_file() else {}
    return frozen if all(s.source in frozen for s in sounds) else split(sounds)


def _read(path: Path, sample_rate: int) -> Audio:
    try:
        audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        raise AudioFileError(str(path), expected="a readable sound", got=str(error)) from error
    mono = np.nan_to_num(audio.mean(1))
    return resample(mono[:, None], rate, sample_rate)[:, 0]
