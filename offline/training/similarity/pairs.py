"""Pairs of frames to learn similarity from: matching ones of a performance and its plain rendering, and as many others.

Agrawal & Dixon (2020), section III.A: the rendering has the performance's own keys, so frame t of one matches frame t
of the other; for every matching pair one random frame at which other keys are down is a pair that does not match.
Section IV.A: with augmentation, 20 % more takes, shifted in pitch by up to 30 cents. Beyond the paper, the rendering
can be read at a tempo of its own: a score to be aligned never has the performer's, and a window of 3 s shows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

import models
from engine.core.config import require, require_one_of
from engine.core.format import AudioFormat
from engine.following.salience import any_front_end
from models.similarity.network import AFTER, BEFORE, PLANE_ROWS, PLANES
from offline.run import collect_frames
from offline.training.similarity.takes import StoredTake, load_take, shifted

__all__ = ["FEATURES", "Batch", "PairConfig", "PairSet", "Track", "as_planes", "padded", "track"]

Features = npt.NDArray[np.float32]
Rng = np.random.Generator

FEATURES = ("stft", "cqt", "chroma", "salience", "semigram")
AUGMENTED, CENTS = 5, 30.0  # every fifth take comes once more, shifted by at most so much
LEVEL = 1e-3
SALIENCE = Path(models.__file__).with_name("weights") / "salience.onnx"


@dataclass(frozen=True, slots=True, kw_only=True)
class PairConfig:
    """feature: one of FEATURES; augment: pitch shifts; tempo: the rendering is read at most so many times as fast or as
    slowly, 1 to 4; stretch: frames of a take in a batch; takes: in one.
    """

    feature: str = "cqt"
    augment: bool = False
    tempo: float = 1.0
    stretch: int = 64
    takes: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        require_one_of("feature", self.feature, FEATURES)
        require("tempo", self.tempo, 1, 4)
        require("stretch", self.stretch, 2, 4096)
        require("takes", self.takes, 2, 1024)


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """Features (frame, n) of a sound, and when: frame t speaks of second first_s + t * hop_s."""

    features: Features
    first_s: float
    hop_s: float

    def frame(self, at_s: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """The frame, not rounded, that speaks of a second."""
        return np.asarray((np.asarray(at_s, dtype=float) - self.first_s) / self.hop_s)

    def seconds(self, frame: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """The second that a frame speaks of."""
        return np.asarray(self.first_s + np.asarray(frame, dtype=float) * self.hop_s)


def track(feature: str, audio: Features, sample_rate: int) -> Track:
    """The feature of mono sound (sample), as any follower would compute it, every 23 ms or as salience was trained."""
    weights = SALIENCE if feature == "salience" else None
    node = any_front_end(feature, AudioFormat(sample_rate=sample_rate, n_channels=1), weights=weights)
    features = collect_frames(node, audio[:, None])
    return Track(features, node.centre(0) / sample_rate, node.hop / sample_rate)


def as_planes(features: Features) -> npt.NDArray[np.float32]:
    """Features (frame, n) as the network's input (plane, frame, PLANE_ROWS), levelled over the whole sound.

    Of more than ROWS features an even number of neighbours is summed up to make at most ROWS, and what is left over
    at the top is dropped; fewer are repeated side by side. The planes: the feature, its change since the frame
    before, and the change of that.
    """
    rows = _rows(features)
    rows = (rows - rows.mean()) / max(float(rows.std()), LEVEL)
    change = np.diff(rows, axis=0, prepend=rows[:1])
    return np.stack([rows, change, np.diff(change, axis=0, prepend=change[:1])]).astype(np.float32)


def _rows(features: Features) -> Features:
    n = features.shape[1]
    if n < PLANE_ROWS:
        return features[:, np.arange(PLANE_ROWS) * n // PLANE_ROWS]
    each = max(1, round(n / PLANE_ROWS))
    kept = features[:, : each * PLANE_ROWS]
    kept = np.pad(kept, ((0, 0), (0, each * PLANE_ROWS - kept.shape[1])))
    return np.asarray(kept.reshape(len(kept), PLANE_ROWS, each).mean(axis=2))


def padded(planes: Features) -> Features:
    """Silence before and after, so that every frame has its window: (plane, frame + BEFORE + AFTER, ROWS)."""
    quiet = planes.min(axis=(1, 2), keepdims=True)
    quiet[1:] = 0
    before, after = (np.broadcast_to(quiet, (PLANES, n, PLANE_ROWS)) for n in (BEFORE, AFTER))
    return np.concatenate([before, planes, after], axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """first, second (take, ...): stretches of both sides, with what lies around them where the network needs it.

    match (take, frame): frame of the flattened second side that matches; found: 0 where it lies beyond the stretch;
    other: one that does not match; sure: 0 where no frame with other keys was found.
    """

    first: Tensor
    second: Tensor
    match: Tensor
    found: Tensor
    other: Tensor
    sure: Tensor


class PairSet:
    """Takes as features in memory, from which batches are drawn by number."""

    def __init__(self, paths: Sequence[Path], config: PairConfig) -> None:
        self.config = config
        self._sides = [_Sides(load_take(path), config.feature) for path in paths]
        if config.augment:
            rng = np.random.default_rng(config.seed)
            for path in paths[::AUGMENTED]:
                self._sides.append(_Sides(shifted(load_take(path), rng.uniform(-CENTS, CENTS)), config.feature))

    def __len__(self) -> int:
        return len(self._sides)

    def batch(self, index: int) -> Batch:
        """Batch number `index`, always the same."""
        rng, n = np.random.default_rng((self.config.seed, index)), self.config.stretch
        sides = [self._sides[i] for i in rng.integers(0, len(self._sides), self.config.takes)]
        tempos = self.config.tempo ** rng.uniform(-1, 1, len(sides))
        cuts = [
            side.cut(int(rng.integers(0, max(1, side.n_frames - n))), n, tempo)
            for side, tempo in zip(sides, tempos, strict=True)
        ]
        match = np.stack([np.clip(cut[2], 0, n - 1) + i * n for i, cut in enumerate(cuts)])
        found = np.stack([cut[2] < n for cut in cuts])
        keys_first = np.concatenate([cut[3] for cut in cuts])
        keys_second = np.concatenate([cut[4] for cut in cuts])
        other = rng.integers(0, len(keys_second), match.size)
        for _ in range(3):
            same = keys_first == keys_second[other]
            other[same] = rng.integers(0, len(keys_second), int(same.sum()))
        sure = keys_first != keys_second[other]
        return Batch(
            torch.from_numpy(np.stack([cut[0] for cut in cuts]).astype(np.float32)),
            torch.from_numpy(np.stack([cut[1] for cut in cuts]).astype(np.float32)),
            torch.from_numpy(match),
            torch.from_numpy(found.astype(np.float32)),
            torch.from_numpy(other.reshape(match.shape)),
            torch.from_numpy(sure.reshape(match.shape).astype(np.float32)),
        )


class _Sides:
    """One take: features of both sides with their surroundings, and what keys are down at each frame, as a number."""

    def __init__(self, take: StoredTake, feature: str) -> None:
        tracks = [track(feature, sound, take.sample_rate) for sound in (take.audio, take.synchronous)]
        self.flat = feature == "semigram"  # the perceptron sees single frames
        self._values = [t.features if self.flat else padded(as_planes(t.features)).astype(np.float16) for t in tracks]
        seconds = tracks[0].seconds(np.arange(len(tracks[0].features))) * take.speed
        self._place = np.clip(np.round(tracks[1].frame(seconds)).astype(int), 0, len(tracks[1].features) - 1)
        self._keys = [
            _down(take.keys, seconds),
            _down(take.keys, tracks[1].seconds(np.arange(len(tracks[1].features)))),
        ]
        self.n_frames = int(min(np.searchsorted(self._place, len(tracks[1].features) - 1), len(self._place)))

    def cut(self, start: int, n: int, tempo: float = 1.0) -> tuple[npt.NDArray[np.generic], ...]:
        """N frames of both sides from frame `start` of the first, the second read `tempo` times as fast; where each is
        found in the second, n or more for nowhere; keys of both.
        """
        begin = int(self._place[start])
        frames = np.arange(n)
        at = np.clip(np.round(begin + frames * tempo).astype(int), 0, len(self._keys[1]) - 1)
        place = np.round((self._place[start : start + n] - begin) / tempo).astype(int)
        place = np.pad(place, (0, n - len(place)), constant_values=n)
        keys = np.resize(self._keys[0][start : start + n], n), self._keys[1][at]
        return self._values_at(0, start, n), self._values_at(1, begin, n, tempo), place, *keys

    def _values_at(self, side: int, start: int, n: int, tempo: float = 1.0) -> npt.NDArray[np.generic]:
        values = self._values[side]
        before, length = (0, n) if self.flat else (BEFORE, n + BEFORE + AFTER)
        at = start + before + (np.arange(length) - before) * tempo
        axis = 0 if self.flat else 1
        left = np.clip(np.floor(at).astype(int), 0, values.shape[axis] - 1)
        right = np.minimum(left + 1, values.shape[axis] - 1)
        if tempo == 1:
            return np.take(values, left, axis)
        part = (at - np.floor(at)).astype(np.float32)
        part = part[:, None] if self.flat else part[None, :, None]
        return (1 - part) * np.take(values, left, axis) + part * np.take(values, right, axis)


def _down(keys: npt.NDArray[np.float64], at_s: npt.NDArray[np.float64]) -> npt.NDArray[np.uint64]:
    """A number for the set of keys that are down at each instant: equal sets, equal numbers."""
    names = np.random.default_rng(88).integers(0, 2**63, 128, dtype=np.uint64)
    out = np.zeros(len(at_s) + 1, np.uint64)
    for start_s, end_s, pitch in keys:
        first, last = np.searchsorted(at_s, (start_s, end_s))
        out[first] ^= names[int(pitch)]
        out[last] ^= names[int(pitch)]
    return np.bitwise_xor.accumulate(out)[:-1]
