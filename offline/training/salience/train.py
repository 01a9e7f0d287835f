"""Train pitch salience on rendered performances that `offline.training.salience.targets` packed.

Bittner et al. (2017), section 3.2: cross-entropy against targets blurred over frequency.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engine.core.config import require
from engine.dsp.harmonic import harmonic_bins
from models.salience.network import PUBLISHED, REACH, Salience, SalienceConfig, salience_loss
from offline.training.common.config import LoopConfig
from offline.training.common.loop import Trainer, pick_device
from offline.training.common.precision import Precision
from offline.training.salience.metrics import figures, stacked
from offline.training.salience.targets import SalienceSet, open_set

__all__ = ["BatchConfig", "SalienceTask", "add_options", "main", "train"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchConfig:
    """What a batch is.

    n_batch: excerpts; n_frames: of each, besides those that the network warms up on; gain_db: level is drawn from 0
    down to this (0 to 60) and up to a tenth of it; tilt_db: of a smooth random curve over frequency, 0 to 40;
    mixed: bfloat16; seed: of everything random.
    """

    n_batch: int = 8
    n_frames: int = 128
    gain_db: float = 20.0
    tilt_db: float = 8.0
    mixed: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        require("n_batch", self.n_batch, 1, 4096)
        require("n_frames", self.n_frames, 1, 10_000)
        require("gain_db", self.gain_db, 0, 60)
        require("tilt_db", self.tilt_db, 0, 40)


class SalienceTask:
    """The network, its recordings and those held out, as `offline.training.common.loop.TrainingTask`."""

    def __init__(self, model: Salience, recordings: SalienceSet, held_out: SalienceSet, batch: BatchConfig) -> None:
        self.model, self.recordings, self.held_out, self.batch = model, recordings, held_out, batch
        self.precision = Precision(tiny_step, wanted=batch.mixed)
        self.bins = torch.from_numpy(harmonic_bins(recordings.config)).to(self.device)
        self._compression = recordings.config.compression
        lengths = np.array([len(recording.cqt) for recording in recordings.recordings])
        self._share = lengths / lengths.sum()

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.model.head.bias.device

    def loss(self, index: int) -> tuple[Tensor, dict[str, float]]:
        """Equation (4) over batch `index`, meaned over maps."""
        rng = np.random.default_rng([self.batch.seed, index])
        wide, wanted = self._draw(rng)
        hcqt = stacked(_coloured(wide, self._compression, self.batch, rng), self.bins)
        with self.precision.autocast(self.model):
            logits = self.model(hcqt)
        ahead = self.model.config.look_ahead
        inside = slice(REACH - ahead, logits.shape[1] - ahead)  # frames that hear nothing but the excerpt
        maps = [salience_loss(logits[:, inside, m].float(), wanted[:, inside, m]) for m in range(logits.shape[2])]
        names = self.model.config.maps
        return torch.stack(maps).mean(), dict(zip(names, (float(m.detach()) for m in maps), strict=True))

    def validate(self, model: nn.Module) -> dict[str, float]:
        """`figures` of what is held out."""
        return figures(model, self.held_out, mixed=self.precision.mixed(model))

    def describe(self) -> dict[str, Any]:
        """The network's settings."""
        return self.model.config.as_dict()

    def _draw(self, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Constant-Q (batch, frame, bin) and targets (batch, frame, map, bin) on the device."""
        n = self.batch.n_frames + REACH
        drawn = []
        for recording in rng.choice(len(self.recordings), self.batch.n_batch, p=self._share):
            first = int(rng.integers(max(len(self.recordings.recordings[recording].cqt) - n, 0) + 1))
            drawn.append(self.recordings.crop(int(recording), first, n))
        wide, wanted = (np.stack([_filled(pair[i], n) for pair in drawn]) for i in range(2))
        n_maps = len(self.model.config.maps)
        return torch.from_numpy(wide).to(self.device), torch.from_numpy(wanted[:, :, :n_maps]).to(self.device)


def tiny_step(model: nn.Module) -> Tensor:
    """Logits of four silent frames."""
    config = model.config
    return model(torch.zeros(1, 4, config.n_harmonics, config.n_bins, device=model.head.bias.device))


def _filled(part: np.ndarray, n: int) -> np.ndarray:
    """Time first, n frames of it; a recording that is shorter ends in silence."""
    part = part if part.ndim == 2 else part.transpose(1, 0, 2)
    return np.pad(part, ((0, n - len(part)), *((0, 0),) * (part.ndim - 1)))


def _coloured(wide: Tensor, compression: float, config: BatchConfig, rng: np.random.Generator) -> Tensor:
    """Another level and another room: gains in dB before the compression."""
    n_batch, _, n_bins = wide.shape
    level = rng.uniform(-config.gain_db, 0.1 * config.gain_db, (n_batch, 1, 1))
    knots = torch.from_numpy(rng.uniform(-config.tilt_db, config.tilt_db, (n_batch, 1, 6))).float()
    curve = nn.functional.interpolate(knots, n_bins, mode="linear", align_corners=True) + torch.from_numpy(level)
    gain = torch.pow(10.0, curve.float() / 20).to(wide)
    return torch.log1p(torch.expm1(wide) * gain)


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of one training."""
    add = parser.add_argument
    add("recordings", type=Path, help="a set made by `offline.training.salience.targets`")
    add("held_out", type=Path, help="one more, of other pieces and another soundfont")
    add("output", type=Path, help="folder of the run: checkpoint.pt and curves.jsonl")
    add("--channels", type=int, nargs=5, default=(16, 16, 16, 16, 8), metavar="N")
    add("--look-ahead", type=int, default=1, metavar="FRAMES")
    add("--published", action="store_true", help="the paper's widths, as much future as past")
    add("--batch", type=int, default=8)
    add("--frames", type=int, default=128)
    add("--minutes", type=float, default=40.0)
    add("--steps", type=int, help="train for this number of steps instead of minutes")
    add("--rate", type=float, default=2e-3)
    add("--validate-every", type=float, default=8.0, metavar="MINUTES")
    add("--seed", type=int, default=0)
    add("--threads", type=int, default=1)
    add("--device", default="auto")
    add("--fp32", action="store_true", help="train without bfloat16")
    add("--resume", action="store_true")


def train(args: argparse.Namespace) -> dict[str, float]:
    """Run the options of `add_options`; the figures of the last validation."""
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    recordings, held_out = open_set(args.recordings), open_set(args.held_out)
    shape = {"bins_per_octave": recordings.config.bins_per_octave, "n_bins": recordings.config.n_bins}
    settings = PUBLISHED if args.published else {"channels": tuple(args.channels), "look_ahead": args.look_ahead}
    model = Salience(SalienceConfig(**settings, **shape))
    model.to(pick_device(args.device), memory_format=torch.channels_last)
    batch = BatchConfig(n_batch=args.batch, n_frames=args.frames, mixed=not args.fp32, seed=args.seed)
    task = SalienceTask(model, recordings, held_out, batch)
    loop = LoopConfig(
        minutes=args.minutes, steps=args.steps, learning_rate=args.rate, validate_every_s=60 * args.validate_every
    )
    trainer = Trainer(task, args.output, loop)
    if args.resume:
        trainer.resume()
    return trainer.run()


def main(arguments: Sequence[str] | None = None) -> None:
    """`python -m offline.training.salience.train`."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_options(parser)
    print(json.dumps(train(parser.parse_args(arguments))))


if __name__ == "__main__":
    main()
