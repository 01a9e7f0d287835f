"""Train pitch salience on rendered performances.

Bittner et al. (2017), section 3.2: cross-entropy against targets blurred over frequency.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from engine.dsp.harmonic import harmonic_bins
from models.salience.config import REACH, SalienceNetworkConfig
from models.salience.losses import salience_loss
from models.salience.network import SalienceNetwork
from offline.training.common.checkpoint import Checkpoint, restore
from offline.training.common.loop import Trainer, start_run
from offline.training.common.precision import Precision
from offline.training.salience.config import SalienceBatch, SalienceTraining
from offline.training.salience.data import SalienceSet, open_salience_set
from offline.training.salience.metrics import measure_network, stack_harmonics

__all__ = ["SalienceTask", "restore_salience", "train_salience"]


class SalienceTask:
    """The network, the recordings to train on and those to validate on.

    seed: of the excerpts
    """

    def __init__(
        self,
        model: SalienceNetwork,
        recordings: SalienceSet,
        validation: SalienceSet,
        batch: SalienceBatch,
        seed: int = 0,
    ) -> None:
        self.model, self.recordings, self.validation, self.batch = model, recordings, validation, batch
        self.seed = seed
        self.precision = Precision(_tiny_step, wanted=batch.mixed)
        self.bins = torch.from_numpy(harmonic_bins(recordings.config)).to(self.device)
        self._compression = recordings.config.compression
        lengths = np.array([len(recording.cqt) for recording in recordings.recordings])
        self._share = lengths / lengths.sum()

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.model.head.weight.device

    def loss(self, index: int) -> tuple[Tensor, dict[str, float]]:
        """Return equation (4) over batch `index`, mean over maps."""
        rng = np.random.default_rng([self.seed, index])
        wide, wanted = self._draw(rng)
        hcqt = stack_harmonics(_coloured(wide, self._compression, self.batch, rng), self.bins)
        with self.precision.autocast(self.model):
            logits = self.model(hcqt)
        ahead = self.model.config.look_ahead
        inside = slice(REACH - ahead, logits.shape[1] - ahead)  # frames that depend on nothing but the excerpt
        maps = [salience_loss(logits[:, inside, m].float(), wanted[:, inside, m]) for m in range(logits.shape[2])]
        names = self.model.config.maps
        return torch.stack(maps).mean(), dict(zip(names, (float(m.detach()) for m in maps), strict=True))

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Measure the network on the recordings to validate on."""
        return measure_network(model, self.validation, mixed=self.precision.mixed(model))

    def describe(self) -> dict[str, Any]:
        """Return the network's settings."""
        return self.model.config.as_dict()

    def _draw(self, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Draw constant-Q (batch, frame, bin) and targets (batch, frame, map, bin) on the device."""
        n = self.batch.frames + REACH
        drawn = []
        for recording in rng.choice(len(self.recordings), self.batch.batch, p=self._share):
            first = int(rng.integers(max(len(self.recordings.recordings[recording].cqt) - n, 0) + 1))
            drawn.append(self.recordings.crop(int(recording), first, n))
        wide, wanted = (np.stack([_filled(pair[i], n) for pair in drawn]) for i in range(2))
        n_maps = len(self.model.config.maps)
        return torch.from_numpy(wide).to(self.device), torch.from_numpy(wanted[:, :, :n_maps]).to(self.device)


def _tiny_step(model: nn.Module) -> Tensor:
    """Return the logits of four silent frames."""
    network = cast(SalienceNetwork, model)
    shape = 1, 4, network.config.n_harmonics, network.config.n_bins
    out: Tensor = network(torch.zeros(shape, device=network.head.weight.device))
    return out


def _filled(part: np.ndarray, n: int) -> np.ndarray:
    """Return n frames, time first; a shorter recording ends in silence."""
    part = part if part.ndim == 2 else part.transpose(1, 0, 2)
    return np.pad(part, ((0, n - len(part)), *((0, 0),) * (part.ndim - 1)))


def _coloured(wide: Tensor, compression: float, config: SalienceBatch, rng: np.random.Generator) -> Tensor:
    """Change level and tone: gains in dB before the compression."""
    n_batch, _, n_bins = wide.shape
    level = rng.uniform(-config.gain_db, 0.1 * config.gain_db, (n_batch, 1, 1))
    knots = torch.from_numpy(rng.uniform(-config.tilt_db, config.tilt_db, (n_batch, 1, 6))).float()
    curve = nn.functional.interpolate(knots, n_bins, mode="linear", align_corners=True) + torch.from_numpy(level)
    gain = torch.pow(10.0, curve.float() / 20).to(wide)
    return torch.log1p(torch.expm1(wide) * gain)


def restore_salience(path: Path) -> tuple[SalienceNetwork, Checkpoint]:
    """Read a run's network, with averaged weights, and its checkpoint; ModelError for anything else."""
    return restore(path, _rebuild, "a checkpoint of `train salience`")


def _rebuild(task: dict[str, Any]) -> SalienceNetwork:
    return SalienceNetwork(SalienceNetworkConfig.from_dict(task))


def train_salience(config: SalienceTraining) -> dict[str, float]:
    """Train as the settings say; return the figures of the last validation."""
    device = start_run(config)
    torch.manual_seed(config.seed)
    recordings, validation = open_salience_set(config.data), open_salience_set(config.validation)
    known: dict[str, Any] = {"bins_per_octave": recordings.config.bins_per_octave, "n_bins": recordings.config.n_bins}
    network = SalienceNetwork(SalienceNetworkConfig(**config.shape, **known))
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    task = SalienceTask(network, recordings, validation, config.excerpts, config.seed)
    trainer = Trainer(task, config.output, config.loop, config)
    if config.resume:
        trainer.resume()
    return trainer.run()
