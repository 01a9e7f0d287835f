"""A Boltzmann machine convolved over time (Lattner et al. 2016)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.core.config import Settings, ranged
from models.generation.graph import Graphs, played

__all__ = ["ConvRbm", "ConvRbmConfig", "self_similarity"]

PLAY_STEPS = 128  # of the example of a piece


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvRbmConfig(Settings):
    """Set the sizes of a convolutional RBM."""

    n_pitches: int = ranged(64, 1, 128, "pitches of the roll")
    width: int = ranged(16, 1, 512, "length of a filter", unit="steps")
    n_maps: int = ranged(64, 1, 8192, "hidden maps")
    cd: int = ranged(5, 1, 1000, "Gibbs steps of contrastive divergence")


class ConvRbm(nn.Module):
    """An RBM convolved over time, with filters over `width` steps and all pitches (Lattner et al. 2016)."""

    def __init__(self, config: ConvRbmConfig) -> None:
        super().__init__()
        self.config = config
        self.weight = nn.Parameter(torch.randn(config.n_maps, config.n_pitches, config.width) * 0.01)
        self.b = nn.Parameter(torch.full((config.n_pitches, 1), -3.0))
        self.c = nn.Parameter(torch.zeros(config.n_maps))

    def hidden(self, v: Tensor) -> Tensor:
        """Return the inputs of the hidden maps (batch, map, step) for v (batch, pitch, step)."""
        return F.conv1d(v, self.weight, self.c, padding=self.config.width // 2)

    def visible(self, h: Tensor, n_steps: int) -> Tensor:
        """Return the inputs of the visible units (batch, pitch, step) for h (batch, map, step)."""
        half = self.config.width // 2
        return (F.conv_transpose1d(h, self.weight, padding=half) + self.b)[..., :n_steps]

    def free_energy(self, v: Tensor) -> Tensor:
        """Return the free energy of each piece, (batch,)."""
        return -(v * self.b).sum((1, 2)) - F.softplus(self.hidden(v)).sum((1, 2))

    @torch.no_grad()
    def gibbs(self, v: Tensor, steps: int, clamp: Tensor | None = None) -> Tensor:
        """Sample by block Gibbs steps from v; clamp: units that stay."""
        first = v
        for _ in range(steps):
            h = torch.bernoulli(torch.sigmoid(self.hidden(v)))
            v = torch.bernoulli(torch.sigmoid(self.visible(h, v.shape[2])))
            v = v if clamp is None else torch.where(clamp, first, v)
        return v

    def forward(self, v: Tensor) -> Tensor:
        """Return the contrastive loss (batch,) a step; its gradient is CD-k's."""
        negative = self.gibbs(v, self.config.cd)
        return (self.free_energy(v) - self.free_energy(negative)) / v.shape[2]

    def play(self, v: Tensor, for_hidden: Tensor, for_visible: Tensor) -> tuple[Tensor, Tensor]:
        """Sample once from v (1, pitch, step); return the sample, and the visible units' mean-field inputs from it.

        for_hidden, for_visible: random numbers (1, map, step) and (1, pitch, step), 0 to 1, that decide the sample
        """
        n_steps = v.shape[2]
        hidden = (for_hidden < torch.sigmoid(self.hidden(v))).float()
        sample = (for_visible < torch.sigmoid(self.visible(hidden, n_steps))).float()
        return sample, self.visible(torch.sigmoid(self.hidden(sample)), n_steps)

    def graphs(self) -> Graphs:
        """Return a round of sampling, for pieces of any length."""
        v, hidden = torch.zeros(1, self.config.n_pitches, PLAY_STEPS), torch.zeros(1, self.config.n_maps, PLAY_STEPS)
        inputs = {"v": v, "for_hidden": hidden, "for_visible": v}
        graph = played(self, self.play, inputs, ("sample", "logits"))
        return {"": replace(graph, dynamic={name: {2: "step"} for name in (*inputs, "sample", "logits")})}


def self_similarity(v: Tensor) -> Tensor:
    """Return the cosine products of all pairs of steps, (batch, step, step), of v (batch, pitch, step)."""
    unit: Tensor = v / v.norm(dim=1, keepdim=True).clamp_min(1e-6)
    return unit.transpose(1, 2) @ unit
