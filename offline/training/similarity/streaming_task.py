"""Train the live network: find each frame of a performance among all frames of the score's own sound.

The reference is the score as written, at its own tempo, so that the network learns to ignore the tempo; all other
instants are negatives, the neighbours too, so that distances are sharp in time.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from tqdm import tqdm

from engine.following.embedder import EMBED_HOP, EMBED_RATE, TwinFeatures
from models.similarity.config import StreamingSiameseConfig
from models.similarity.losses import contrastive_loss, time_contrast
from models.similarity.streaming_network import StreamingSiamese
from offline.run import collect_frames
from offline.training.similarity.config import SimilarityTraining
from offline.training.similarity.data import load_take, shift_pitch

__all__ = ["StreamingTake", "StreamingTask", "found_within"]

Floats = npt.NDArray[np.float64]
HOP_S = EMBED_HOP / EMBED_RATE
FIRST_S = (EMBED_HOP - TwinFeatures.latency) / EMBED_RATE  # second that frame 0 describes
WARM = 32  # frames that fill the network's state
MISTUNED = 25.0  # standard deviation of the tuning, cents
ONSET_FRAMES, ONSET_WEIGHT = 6, 3.0  # following is decided just after an onset
NEAR = (5, 18)  # frames, 58 to 209 ms: negatives that are hard
SEARCH_S = 1.5


class StreamingTake:
    """Features (frame, n) of performance and reference, and which frames belong together.

    place: (frame of the performance), frame of the reference, not rounded
    back: the inverse of `place`
    inside: first and last frame of the performance between its first and last onset
    fresh: (frame), weights, higher just after onsets
    """

    def __init__(self, path: Path, cents: float = 0.0) -> None:
        take = shift_pitch(load_take(path), cents)
        self.audio, self.reference = (_features(sound) for sound in (take.audio, take.reference))
        frames = np.arange(len(self.audio))
        seconds = np.interp(FIRST_S + HOP_S * frames, take.played_s, take.plain_s)
        self.place: Floats = (seconds - FIRST_S) / HOP_S
        played = np.interp(FIRST_S + HOP_S * np.arange(len(self.reference)), take.plain_s, take.played_s)
        self.back: Floats = (played - FIRST_S) / HOP_S
        self.onsets: Floats = (take.played_s - FIRST_S) / HOP_S
        self.inside = int(self.onsets[0]), int(self.onsets[-1]) + 20
        age = frames - self.onsets[np.clip(np.searchsorted(self.onsets, frames, side="right") - 1, 0, None)]
        self.fresh = np.where((age >= 0) & (age < ONSET_FRAMES), ONSET_WEIGHT, 1.0)


def _features(sound: npt.NDArray[np.float32]) -> npt.NDArray[np.float16]:
    return np.asarray(collect_frames(TwinFeatures(), sound[:, None]), np.float16)


class StreamingTask:
    """The small causal network, trained on excerpts of takes."""

    def __init__(self, paths: Sequence[Path], validation: Sequence[Path], config: SimilarityTraining) -> None:
        self.config, self.settings = config, config.streaming
        rng = np.random.default_rng(config.seed)
        cents = np.clip(rng.normal(0, MISTUNED, len(paths)), -60, 60)
        self.takes = [StreamingTake(p, c) for p, c in zip(tqdm(paths, unit="take", mininterval=10), cents, strict=True)]
        self.validation = [StreamingTake(path) for path in validation]
        self.model = StreamingSiamese(
            StreamingSiameseConfig(
                n_features=self.takes[0].audio.shape[1],
                hidden=config.hidden,
                n_embedding=config.n_embedding,
                n_layers=config.layers,
            )
        )

    def loss(self, index: int) -> tuple[Tensor, dict[str, float]]:
        """Return the loss of finding the performance in the reference, and the reference in the performance."""
        rng = np.random.default_rng((self.config.seed, index))
        cuts = [self._cut(self.takes[int(i)], rng) for i in rng.integers(0, len(self.takes), self.config.batch)]
        device = next(self.model.parameters()).device
        first, second, place, fresh = (
            torch.from_numpy(np.stack(column)).to(device) for column in zip(*cuts, strict=True)
        )
        drop = nn.functional.dropout1d
        p = self.settings.dropout
        hidden = [drop(x.transpose(1, 2), p).transpose(1, 2) for x in (first, second)]
        a, b = self.model.whole(hidden[0])[:, WARM:], self.model.whole(hidden[1])[:, WARM:]
        if self.settings.loss == "contrastive":
            return self._contrastive(a, b, place, rng), {}
        sharpness = self.model.temperature.exp().clamp(max=60)
        there = time_contrast(a, b, place, sharpness, self.settings.label_frames)
        loss = (fresh * there).sum() / fresh.sum()
        back = _inverse(place, b.shape[1])
        known = torch.isfinite(back)
        again = time_contrast(b, a, torch.nan_to_num(back), sharpness, self.settings.label_frames)
        loss = loss + (again * known).sum() / known.sum()
        return loss, {"sharpness": float(sharpness.detach())}

    def _contrastive(self, a: Tensor, b: Tensor, place: Tensor, rng: np.random.Generator) -> Tensor:
        """Return equation (1) with one matching and one other frame for each, half of the others near."""
        n = b.shape[1]
        match = place.round().long().clamp(0, n - 1)
        shift = torch.from_numpy(rng.integers(*NEAR, match.shape) * rng.choice([-1, 1], match.shape))
        anywhere = torch.from_numpy(rng.integers(0, n, match.shape))
        near = torch.from_numpy(rng.random(match.shape) < 0.5).to(a.device)
        other = torch.where(near, (match + shift.to(a.device)).clamp(0, n - 1), anywhere.to(a.device))
        different = ((other - match).abs() > 2).float()
        rows = torch.arange(len(b), device=a.device)[:, None]
        zeros = torch.zeros_like(different)
        return (contrastive_loss(a, b[rows, match], zeros) + contrastive_loss(a, b[rows, other], different)) / 2

    def _cut(self, take: StreamingTake, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Cut WARM + n frames of the performance and WARM + 2 n of the reference, with `place` and `fresh`."""
        n, room = self.settings.take_frames, 2 * self.settings.take_frames
        first = int(rng.integers(take.inside[0], max(take.inside[0] + 1, take.inside[1] - n)))
        place = np.interp(np.arange(first, first + n), np.arange(len(take.place)), take.place)
        span = place[-1] - place[0]
        start = int(place[0] - rng.uniform(0, max(room - span, 1)))
        place = place - start
        inside = (place >= 0) & (place < room)
        fresh = np.interp(np.arange(first, first + n), np.arange(len(take.fresh)), take.fresh) * inside
        return (
            _excerpt(take.audio, first - WARM, n + WARM),
            _excerpt(take.reference, start - WARM, room + WARM),
            place.astype(np.float32),
            fresh.astype(np.float32),
        )

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Measure how many onsets of other pieces are found within 12, 25 and 50 ms, searching 1.5 s around them."""
        errors = [_errors(model, take) for take in self.validation]
        return {f"within_{ms}": found_within(errors, ms) for ms in (12, 25, 50)}

    def describe(self) -> dict[str, Any]:
        """Return what rebuilds the network."""
        return {"network": "live", "loss": self.settings.loss, "config": self.model.config.as_dict()}


def found_within(errors_s: Sequence[Floats], ms: float) -> float:
    """Return the percentage of errors of at most `ms` milliseconds, mean over takes."""
    return float(np.mean([100 * np.mean(np.abs(e) <= ms / 1000) for e in errors_s]))


def _errors(model: nn.Module, take: StreamingTake) -> Floats:
    """Return the seconds from each onset's place in the reference to the nearest embedding's."""
    device = next(model.parameters()).device
    sides = [torch.from_numpy(x.astype(np.float32)).to(device)[None] for x in (take.audio, take.reference)]
    audio, reference = (model.whole(side)[0].cpu().numpy() for side in sides)  # type: ignore[operator]
    reach, out = round(SEARCH_S / HOP_S), []
    for onset in take.onsets:
        frame = min(round(float(onset)) + 2, len(audio) - 1)  # two frames later the note is in the window
        wanted = take.place[frame]
        low = max(0, int(wanted) - reach)
        likeness = reference[low : int(wanted) + reach] @ audio[frame]
        out.append((low + int(np.argmax(likeness)) - wanted) * HOP_S if len(likeness) else np.inf)
    return np.array(out)


def _excerpt(features: npt.NDArray[np.float16], start: int, n: int) -> npt.NDArray[np.float32]:
    """Cut n frames from `start` on, with silence outside the features."""
    out = np.zeros((n, features.shape[1]), np.float32)
    low, high = max(start, 0), min(start + n, len(features))
    out[low - start : high - start] = features[low:high]
    return out


def _inverse(place: Tensor, n: int) -> Tensor:
    """Return (batch, n), for each of n frames of the other side the frame that lies there, NaN where none does."""
    out = np.full((len(place), n), np.nan, np.float32)
    steps = np.arange(n)
    for row, line in zip(out, place.cpu().numpy(), strict=True):
        rising = np.maximum.accumulate(line)
        inside = (steps >= rising[0]) & (steps <= rising[-1])
        row[inside] = np.interp(steps[inside], rising, np.arange(len(line)))
    return torch.from_numpy(out).to(place.device)
