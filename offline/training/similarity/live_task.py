"""Training of the live twin: find each frame of a performance among all frames of the score's own sound.

The reference is the score as written, at its own tempo, so that the network learns to forget how fast is played; all
other instants are negatives, the neighbours too, so that distances are sharp in time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from tqdm import tqdm

from engine.core.config import require, require_one_of
from engine.following.embedder import EMBED_HOP, EMBED_RATE, TwinFeatures
from models.similarity.live_network import LiveSiamese, LiveSiameseConfig
from models.similarity.network import contrastive_loss, time_contrast
from offline.run import collect_frames
from offline.training.similarity.takes import load_take, shifted

__all__ = ["LiveConfig", "LiveTask", "found_within"]

Floats = npt.NDArray[np.float64]
HOP_S = EMBED_HOP / EMBED_RATE
FIRST_S = (EMBED_HOP - TwinFeatures.latency) / EMBED_RATE  # what frame 0 speaks of
WARM = 32  # frames that fill the network's memory
MISTUNED = 25.0  # cents, standard deviation
ONSET_FRAMES, ONSET_WEIGHT = 6, 3.0  # just after an onset is where following is decided
NEAR = (5, 18)  # frames, 58 to 209 ms: negatives that are hard
SEARCH_S = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveConfig:
    """loss: "time" or "contrastive"; stretch: frames of a performance at a time; takes: a batch; width: of the label in
    time, frames; dropout: share of input bands that are hidden.
    """

    loss: str = "time"
    hidden: int = 128
    n_embedding: int = 48
    n_layers: int = 4
    stretch: int = 320
    takes: int = 4
    width: float = 1.0
    dropout: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        require_one_of("loss", self.loss, ("time", "contrastive"))
        require("stretch", self.stretch, 32, 100_000)
        require("takes", self.takes, 1, 1024)
        require("width", self.width, 0.1, 10.0)
        require("dropout", self.dropout, 0.0, 0.9)


class LiveTake:
    """Features (frame, n) of performance and reference, and where they meet.

    place: (frame of the performance) frame of the reference, not rounded; back: the inverse; inside: first and last
    frame of the performance between its first and last onset; fresh: (frame) weights, higher just after onsets.
    """

    def __init__(self, path: Path, cents: float = 0.0) -> None:
        take = shifted(load_take(path), cents)
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


class LiveTask:
    """The small causal twin, trained on stretches of takes."""

    def __init__(self, paths: Sequence[Path], validation: Sequence[Path], config: LiveConfig) -> None:
        self.config = config
        rng = np.random.default_rng(config.seed)
        cents = np.clip(rng.normal(0, MISTUNED, len(paths)), -60, 60)
        self.takes = [LiveTake(p, c) for p, c in zip(tqdm(paths, unit="take", mininterval=10), cents, strict=True)]
        self.validation = [LiveTake(path) for path in validation]
        self.model = LiveSiamese(
            LiveSiameseConfig(
                n_features=self.takes[0].audio.shape[1],
                hidden=config.hidden,
                n_embedding=config.n_embedding,
                n_layers=config.n_layers,
            )
        )

    def loss(self, index: int) -> tuple[Tensor, dict[str, float]]:
        """Both ways: the performance found in the reference, and the reference in the performance."""
        rng = np.random.default_rng((self.config.seed, index))
        cuts = [self._cut(self.takes[int(i)], rng) for i in rng.integers(0, len(self.takes), self.config.takes)]
        device = next(self.model.parameters()).device
        first, second, place, fresh = (
            torch.from_numpy(np.stack(column)).to(device) for column in zip(*cuts, strict=True)
        )
        drop = nn.functional.dropout1d
        p = self.config.dropout
        hidden = [drop(x.transpose(1, 2), p).transpose(1, 2) for x in (first, second)]
        a, b = self.model.whole(hidden[0])[:, WARM:], self.model.whole(hidden[1])[:, WARM:]
        if self.config.loss == "contrastive":
            return self._contrastive(a, b, place, rng), {}
        sharpness = self.model.temperature.exp().clamp(max=60)
        there = time_contrast(a, b, place, sharpness, self.config.width)
        loss = (fresh * there).sum() / fresh.sum()
        back = _inverse(place, b.shape[1])
        known = torch.isfinite(back)
        again = time_contrast(b, a, torch.nan_to_num(back), sharpness, self.config.width)
        loss = loss + (again * known).sum() / known.sum()
        return loss, {"sharpness": float(sharpness.detach())}

    def _contrastive(self, a: Tensor, b: Tensor, place: Tensor, rng: np.random.Generator) -> Tensor:
        """Equation (1) with one match a frame, and one other frame: half of them near, half anywhere."""
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

    def _cut(self, take: LiveTake, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """WARM and `stretch` frames of the performance, as many or twice as many of the reference, and `place`."""
        n, room = self.config.stretch, 2 * self.config.stretch
        first = int(rng.integers(take.inside[0], max(take.inside[0] + 1, take.inside[1] - n)))
        place = np.interp(np.arange(first, first + n), np.arange(len(take.place)), take.place)
        span = place[-1] - place[0]
        start = int(place[0] - rng.uniform(0, max(room - span, 1)))
        place = place - start
        inside = (place >= 0) & (place < room)
        fresh = np.interp(np.arange(first, first + n), np.arange(len(take.fresh)), take.fresh) * inside
        return (
            _stretch(take.audio, first - WARM, n + WARM),
            _stretch(take.reference, start - WARM, room + WARM),
            place.astype(np.float32),
            fresh.astype(np.float32),
        )

    def validate(self, model: nn.Module) -> dict[str, float]:
        """How many onsets of other pieces are found within 25 and 50 ms, searching 1.5 s around them."""
        errors = [_errors(model, take) for take in self.validation]
        return {f"within_{ms}": found_within(errors, ms) for ms in (12, 25, 50)}

    def describe(self) -> dict[str, Any]:
        """What rebuilds the network."""
        return {"network": "live", "loss": self.config.loss, "config": self.model.config.as_dict()}


def found_within(errors_s: Sequence[Floats], ms: float) -> float:
    """Percent of errors up to so many milliseconds, the mean over takes."""
    return float(np.mean([100 * np.mean(np.abs(e) <= ms / 1000) for e in errors_s]))


def _errors(model: nn.Module, take: LiveTake) -> Floats:
    """Seconds between where each onset is in the reference and where the nearest embedding lies."""
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


def _stretch(features: npt.NDArray[np.float16], start: int, n: int) -> npt.NDArray[np.float32]:
    """N frames from `start` on; what lies outside is silence."""
    out = np.zeros((n, features.shape[1]), np.float32)
    low, high = max(start, 0), min(start + n, len(features))
    out[low - start : high - start] = features[low:high]
    return out


def _inverse(place: Tensor, n: int) -> Tensor:
    """For each of n frames of the other side, the frame that lies there, NaN where none does: (batch, n)."""
    out = np.full((len(place), n), np.nan, np.float32)
    steps = np.arange(n)
    for row, line in zip(out, place.cpu().numpy(), strict=True):
        rising = np.maximum.accumulate(line)
        inside = (steps >= rising[0]) & (steps <= rising[-1])
        row[inside] = np.interp(steps[inside], rising, np.arange(len(line)))
    return torch.from_numpy(out).to(place.device)
