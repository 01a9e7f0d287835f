"""The base of the training of every system: batches by number, validation on fixed batches, extras for the player."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engine.core.config import resolved
from offline.music.corpora import Corpora
from offline.training.generation.config import GENERATOR_SIZES, GenerationTraining

__all__ = ["VALIDATION_SEED", "BatchTraining", "Extras", "SystemTraining"]

VALIDATION_BATCHES, VALIDATION_SEED = 8, 1_000_003
Extras = tuple[dict[str, np.ndarray], dict[str, Any]]  # arrays and values that a player needs beside the network


class SystemTraining(ABC):
    """A task for `offline.training.common.loop`: the training of one system.

    default_batch: sequences of a batch
    weight_decay: L2 penalty, unless the settings of the loop give one
    home: whether it learns music in the home key, which the player moves
    """

    model: Any  # a network of the system's own class
    default_batch, weight_decay, home = 16, 0.0, False

    def __init__(self, corpora: Corpora, config: GenerationTraining, device: torch.device | str = "cpu") -> None:
        self.corpora, self.config, self.device = corpora, config, torch.device(device)
        self.n_batch = config.batch or self.default_batch
        self.sizes: list[tuple[Any, Any]] = []
        torch.manual_seed(config.seed)
        self.model = self.build().to(self.device)

    @abstractmethod
    def build(self) -> nn.Module:
        """Load what the batches need, and make the network."""

    @abstractmethod
    def loss(self, index: int) -> tuple[Tensor, dict[str, float]]:
        """Return the loss of training batch number `index`, and numbers for the curves."""

    @abstractmethod
    def validate(self, model: Any) -> dict[str, float]:
        """Return the metric on the validation split."""

    def extras(self) -> Extras:
        """Return the arrays and values that the player needs beside the network."""
        return {}, {}

    def played_network(self) -> dict[str, Any]:
        """Return the settings of the network that plays, for the card and the player."""
        network: dict[str, Any] = self.describe()["network"]
        return network

    def pick(self, published: Any, small: Any, tiny: Any) -> Any:
        """Return the value for the size of the settings, and keep how it differs from the published one."""
        chosen = dict(zip(GENERATOR_SIZES, (published, small, tiny), strict=True))[self.config.size]
        self.sizes.append((published, chosen))
        return chosen

    @property
    def size_text(self) -> str:
        """Return how the network's sizes differ from the published ones, for the card."""
        others = [f"{chosen} where {published} is published" for published, chosen in self.sizes if chosen != published]
        return "; ".join(others) or "published sizes"

    def to_device(self, arrays: tuple[np.ndarray, ...]) -> list[Tensor]:
        """Return arrays as tensors on the network's device."""
        return [torch.from_numpy(array).to(self.device, non_blocking=True) for array in arrays]

    def describe(self) -> dict[str, Any]:
        """Return the settings of the network, and those that its export needs."""
        network = getattr(self.model, "config", None)
        config = self.config
        needed = {name: getattr(config, name) for name in ("system", "size", "seed", "rolls")}
        return {"network": {} if network is None else resolved(network), **needed, "batch": self.n_batch}


class BatchTraining(SystemTraining):
    """The training of a system that learns from random batches; a subclass gives a batch and its loss.

    Batch `index` depends on nothing else, so a resumed run continues; validation draws the same batches each time.
    """

    @abstractmethod
    def batch(self, split: str, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Draw the arrays of one batch."""

    @abstractmethod
    def nats(self, model: Any, *batch: Tensor) -> Tensor:
        """Return the loss of a batch, one number; for most systems it is the metric too."""

    def draw(self, split: str, rng: np.random.Generator) -> list[Tensor]:
        """Draw one batch as tensors on the network's device."""
        return self.to_device(self.batch(split, rng))

    def draw_train(self, index: int) -> list[Tensor]:
        """Draw training batch number `index`."""
        return self.draw("train", np.random.default_rng((self.config.seed, index)))

    def loss(self, index: int) -> tuple[Tensor, dict[str, float]]:
        """Return the loss of training batch number `index`."""
        return self.nats(self.model, *self.draw_train(index)), {}

    def validate(self, model: Any) -> dict[str, float]:
        """Return the metric over fixed batches of the validation split."""
        rng = np.random.default_rng(VALIDATION_SEED)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            values = [float(self.nats(model, *self.draw("valid", rng))) for _ in range(VALIDATION_BATCHES)]
        return {"metric": float(np.mean(values))}
