"""Pairs of frames to learn similarity from: matching ones of a performance and its plain rendering, and as many others.

Agrawal & Dixon (2020), section III.A: the rendering has the keys of the performance, so frame t of one matches frame t
of the other; for every matching pair, one random frame at which other keys are down is a pair that does not match.
Section IV.A: with augmentation, 20 % more takes, shifted in pitch by up to 30 cents. Beyond the paper, the rendering
can be read at another tempo: a score to be aligned never has the performer's, and a window of 3 s shows it. And others
can be drawn near the match, whatever keys are down there: frames drawn from anywhere seldom teach where a note begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

import models
from engine.core.format import AudioFormat
from engine.following.salience import any_front_end
from engine.following.similarity.planes import LEAST_SCALE, PLANE_ROWS, PLANES, plane_rows
from models.similarity.config import AHEAD
from models.similarity.network import AROUND
from offline.run import collect_frames
from offline.training.similarity.config import PairConfig
from offline.training.similarity.data import StoredTake, load_take, shift_pitch

__all__ = [
    "NEAR",
    "FeatureTrack",
    "PairBatch",
    "PairSet",
    "as_planes",
    "feature_track",
    "pad_windows",
]

Features = npt.NDArray[np.float32]
Values = npt.NDArray[Any]

AUGMENTED, CENTS = 5, 30.0  # every fifth take comes once more, shifted by at most 30 cents
NEAR = (2, 9)  # frames, 46 to 209 ms: too far to be the same instant, and hard to tell from it
SALIENCE = Path(models.__file__).with_name("weights") / "salience.onnx"


@dataclass(frozen=True, slots=True, eq=False)
class FeatureTrack:
    """Features (frame, n) of a sound; frame t describes second first_s + t * hop_s."""

    features: Features
    first_s: float
    hop_s: float

    def frame(self, at_s: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the frame, not rounded, that describes a second."""
        return np.asarray((np.asarray(at_s, dtype=float) - self.first_s) / self.hop_s)

    def seconds(self, frame: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the second that a frame describes."""
        return np.asarray(self.first_s + np.asarray(frame, dtype=float) * self.hop_s)


def feature_track(feature: str, audio: Features, sample_rate: int) -> FeatureTrack:
    """Compute a feature of mono sound (sample) as the followers do, every 23 ms or as salience was trained."""
    weights = SALIENCE if feature == "salience" else None
    node = any_front_end(feature, AudioFormat(sample_rate=sample_rate, n_channels=1), weights=weights)
    features = collect_frames(node, audio[:, None])
    return FeatureTrack(features, node.centre(0) / sample_rate, node.hop / sample_rate)


def as_planes(features: Features) -> npt.NDArray[np.float32]:
    """Turn features (frame, n) into the network's input (plane, frame, PLANE_ROWS), normalised over the whole sound.

    Features are spread over the rows by `plane_rows`. The planes are the feature, its change since the frame before,
    and the change of that.
    """
    rows = plane_rows(features)
    rows = (rows - rows.mean()) / max(float(rows.std()), LEAST_SCALE)
    change = np.diff(rows, axis=0, prepend=rows[:1])
    return np.stack([rows, change, np.diff(change, axis=0, prepend=change[:1])]).astype(np.float32)


def pad_windows(planes: Features, ahead: int = AHEAD) -> Features:
    """Add silence before and after, so that every frame has its window: (plane, frame + AROUND, PLANE_ROWS).

    ahead: frames of a window after the one that is compared
    """
    quiet = planes.min(axis=(1, 2), keepdims=True)
    quiet[1:] = 0
    before, after = (np.broadcast_to(quiet, (PLANES, n, PLANE_ROWS)) for n in (AROUND - ahead, ahead))
    return np.concatenate([before, planes, after], axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class PairBatch:
    """Excerpts of both sides of some takes, and which frames match.

    first, second: (take, ...), with their surroundings where the network needs them
    match: (take, frame), frame of the flattened second side that matches
    found: 0 where the matching frame lies outside the excerpt
    other: (take, frame), frame that does not match
    sure: 0 where no frame with other keys was found
    """

    first: Tensor
    second: Tensor
    match: Tensor
    found: Tensor
    other: Tensor
    sure: Tensor


class PairSet:
    """Takes as features in memory, from which batches are drawn by number.

    takes: in a batch
    """

    def __init__(self, paths: Sequence[Path], config: PairConfig, *, takes: int = 4, seed: int = 0) -> None:
        self.config, self.takes, self.seed = config, takes, seed
        self._sides = [_Sides(load_take(path), config) for path in paths]
        if config.augment:
            rng = np.random.default_rng(seed)
            for path in paths[::AUGMENTED]:
                self._sides.append(_Sides(shift_pitch(load_take(path), rng.uniform(-CENTS, CENTS)), config))

    def __len__(self) -> int:
        return len(self._sides)

    def batch(self, index: int) -> PairBatch:
        """Draw batch number `index`, always the same."""
        rng, n = np.random.default_rng((self.seed, index)), self.config.pair_frames
        sides = [self._sides[i] for i in rng.integers(0, len(self._sides), self.takes)]
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
        if self.config.near:
            close = (rng.random(match.shape) < self.config.near) & found
            beside = _beside(match, n, rng)
            other = np.where(close, beside, other.reshape(match.shape)).ravel()
            sure = np.where(close, np.abs(beside - match) >= NEAR[0], sure.reshape(match.shape)).ravel()
        return PairBatch(
            torch.from_numpy(np.stack([cut[0] for cut in cuts]).astype(np.float32)),
            torch.from_numpy(np.stack([cut[1] for cut in cuts]).astype(np.float32)),
            torch.from_numpy(match),
            torch.from_numpy(found.astype(np.float32)),
            torch.from_numpy(other.reshape(match.shape)),
            torch.from_numpy(sure.reshape(match.shape).astype(np.float32)),
        )


class _Sides:
    """One take: features of both sides with their surroundings, and the keys down at each frame, as a number."""

    def __init__(self, take: StoredTake, config: PairConfig) -> None:
        tracks = [feature_track(config.feature, sound, take.sample_rate) for sound in (take.audio, take.synchronous)]
        self.flat, self._before = config.feature == "semigram", AROUND - config.ahead  # or single frames
        self._values = [
            t.features if self.flat else pad_windows(as_planes(t.features), config.ahead).astype(np.float16)
            for t in tracks
        ]
        seconds = tracks[0].seconds(np.arange(len(tracks[0].features))) * take.speed
        self._place = np.clip(np.round(tracks[1].frame(seconds)).astype(int), 0, len(tracks[1].features) - 1)
        self._keys = [
            _down(take.keys, seconds),
            _down(take.keys, tracks[1].seconds(np.arange(len(tracks[1].features)))),
        ]
        self.n_frames = min(int(np.searchsorted(self._place, len(tracks[1].features) - 1)), len(self._place))

    def cut(self, start: int, n: int, tempo: float = 1.0) -> tuple[Values, ...]:
        """Cut n frames of both sides from frame `start` of the first on, the second read `tempo` times as fast.

        Return both, the place of each frame in the second, n or more for nowhere, and the keys of both.
        """
        begin = int(self._place[start])
        frames = np.arange(n)
        at = np.clip(np.round(begin + frames * tempo).astype(int), 0, len(self._keys[1]) - 1)
        place = np.round((self._place[start : start + n] - begin) / tempo).astype(int)
        place = np.pad(place, (0, n - len(place)), constant_values=n)
        keys = np.resize(self._keys[0][start : start + n], n), self._keys[1][at]
        return self._values_at(0, start, n), self._values_at(1, begin, n, tempo), place, *keys

    def _values_at(self, side: int, start: int, n: int, tempo: float = 1.0) -> Values:
        values = self._values[side]
        before, length = (0, n) if self.flat else (self._before, n + AROUND)
        at = start + before + (np.arange(length) - before) * tempo
        axis = 0 if self.flat else 1
        left = np.clip(np.floor(at).astype(int), 0, values.shape[axis] - 1)
        right = np.minimum(left + 1, values.shape[axis] - 1)
        if tempo == 1:
            return np.asarray(np.take(values, left, axis))
        part = (at - np.floor(at)).astype(np.float32)
        part = part[:, None] if self.flat else part[None, :, None]
        return np.asarray((1 - part) * np.take(values, left, axis) + part * np.take(values, right, axis))


def _beside(match: npt.NDArray[np.int64], n: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return frames NEAR those that match (take, frame), before or after, within the n of the same take."""
    shift = rng.integers(NEAR[0], NEAR[1] + 1, match.shape) * rng.choice([-1, 1], match.shape)
    first = np.arange(len(match))[:, None] * n
    return np.clip(match + shift, first, first + n - 1)


def _down(keys: npt.NDArray[np.float64], at_s: npt.NDArray[np.float64]) -> npt.NDArray[np.uint64]:
    """Return a number for the set of keys that are down at each instant: equal sets, equal numbers."""
    names = np.random.default_rng(88).integers(0, 2**63, 128, dtype=np.uint64)
    out = np.zeros(len(at_s) + 1, np.uint64)
    for start_s, end_s, pitch in keys:
        first, last = np.searchsorted(at_s, (start_s, end_s))
        out[first] ^= names[int(pitch)]
        out[last] ^= names[int(pitch)]
    return np.bitwise_xor.accumulate(out)[:-1]
