"""What the training of every system shares: settings, batches by number, validation on fixed batches."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engine.core.config import require, require_one_of
from offline.music.corpora import Corpora
from offline.music.roll_sets import ROLL_SETS

__all__ = ["SIZES", "SystemTask", "TaskSettings", "windows"]

SIZES = ("published", "small", "tiny")
VALIDATION_BATCHES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSettings:
    """size: published, small (a CPU's ten minutes) or tiny (tests); batch: sequences; device; seed.

    rolls: which set of Boulanger-Lewandowski et al. (2012), for the system that is defined on them.
    """

    size: str = "small"
    batch: int = 16
    device: str = "cpu"
    seed: int = 0
    rolls: str = ROLL_SETS[0]

    def __post_init__(self) -> None:
        require_one_of("size", self.size, SIZES)
        require("batch", self.batch, 1, 65536)
        require_one_of("rolls", self.rolls, ROLL_SETS)

    def pick(self, published: Any, small: Any, tiny: Any) -> Any:
        """The value for this size."""
        return {"published": published, "small": small, "tiny": tiny}[self.size]


class SystemTask(ABC):
    """A task for `offline.training.common.loop`: subclasses give the network, a batch, its loss, and a sample.

    Batch `index` depends on nothing else, so a resumed run goes on; validation draws the same batches each time.
    """

    model: nn.Module

    def __init__(self, corpora: Corpora, settings: TaskSettings) -> None:
        self.corpora, self.settings = corpora, settings
        self.device = torch.device(settings.device)
        torch.manual_seed(settings.seed)
        self.model = self.build().to(self.device)

    @abstractmethod
    def build(self) -> nn.Module:
        """Load what the batches need, and make the network."""

    @abstractmethod
    def batch(self, split: str, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """The arrays of one batch."""

    @abstractmethod
    def nats(self, model: nn.Module, *batch: Tensor) -> Tensor:
        """The loss of a batch, one number; for most the metric as well."""

    @abstractmethod
    def sample(self, length: int, seed: int) -> Any:
        """Music: a piece, or (samples, rate) where the system writes sound."""

    def loss(self, index: int) -> tuple[Tensor, dict[str, float]]:
        """The loss of training batch number `index`."""
        rng = np.random.default_rng((self.settings.seed, index))
        return self.nats(self.model, *self.to_device(self.batch("train", rng))), {}

    def validate(self, model: nn.Module) -> dict[str, float]:
        """The metric over fixed batches of the validation split."""
        rng = np.random.default_rng(1_000_003)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            values = [
                float(self.nats(model, *self.to_device(self.batch("valid", rng)))) for _ in range(VALIDATION_BATCHES)
            ]
        return {"metric": float(np.mean(values))}

    def to_device(self, arrays: tuple[np.ndarray, ...]) -> list[Tensor]:
        """Arrays as tensors where the network is."""
        return [torch.from_numpy(array).to(self.device) for array in arrays]

    def describe(self) -> dict[str, Any]:
        """The network's settings, and ours."""
        config = getattr(self.model, "config", None)
        return {"network": asdict(config) if config is not None else {}, **asdict(self.settings)}


def windows(sequences: list[np.ndarray], n: int, length: int, rng: np.random.Generator) -> np.ndarray:
    """Random stretches (n, length, ...) of sequences, drawn by their length; short ones are filled up with zeros."""
    sizes = np.array([max(len(s) - length + 1, 1) for s in sequences], float)
    chosen = rng.choice(len(sequences), size=n, p=sizes / sizes.sum())
    out = np.zeros((n, length, *sequences[0].shape[1:]), sequences[0].dtype)
    for row, i in enumerate(chosen):
        start = int(rng.integers(max(len(sequences[i]) - length + 1, 1)))
        part = sequences[i][start : start + length]
        out[row, : len(part)] = part
    return out
