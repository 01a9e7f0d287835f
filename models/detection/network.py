"""The convolutional recurrent network for audio tagging and sound event detection, bidirectional or causal.

Boes & Van hamme, "Audiovisual transfer learning for audio tagging and sound event detection" (Interspeech 2021),
sections 2.1 and 3. Axes: log-mel (batch, frame, mel); probabilities (batch, step, class), a step being the
`POOL` = 4 log-mel frames that the two time poolings make one.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.core.errors import ConfigError
from models.detection.config import CrnnConfig

__all__ = ["POOL", "Crnn", "CrnnState", "Stack", "linear_pool"]

TIME_POOLS = (2, 2, 1, 1, 1, 1, 1)  # Table 2
POOL = 4  # their product: log-mel frames a step
KERNEL = 3
CrnnState = list[Tensor]  # the hidden state (layer, batch, hidden), then per stack (batch, channel, 2, bin)


def linear_pool(probability: Tensor) -> Tensor:
    """Pool step probabilities (batch, step, class) to clip probabilities (batch, class): equation (1)."""
    return (probability**2).sum(1) / probability.sum(1).clamp_min(1e-7)


class Stack(nn.Module):
    """Convolution of 3 x 3, batch norm, ReLU or GLU, dropout, average pooling, on (batch, channel, frame, bin)."""

    def __init__(self, n_in: int, n_out: int, time_pool: int, config: CrnnConfig) -> None:
        super().__init__()
        self.causal = config.causal
        self.convolution = nn.Conv2d(n_in, n_out, KERNEL, padding=(0 if config.causal else 1, 1))
        self.norm = nn.BatchNorm2d(n_out, momentum=config.momentum)
        self.linear = nn.Conv2d(n_out, n_out, 1) if config.activation == "glu" else None
        self.dropout = (nn.Dropout2d if config.drop_channels else nn.Dropout)(config.dropout)
        self.pool = (time_pool, 2)

    def forward(self, x: Tensor, cache: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Return the output and, if causal, the last two input frames, which the next call gets as `cache`."""
        x, cache = self.convolved(x, cache)
        x = self.norm(x)
        x = F.relu(x) if self.linear is None else self.linear(x) * torch.sigmoid(x)
        return F.avg_pool2d(self.dropout(x), self.pool), cache

    def convolved(self, x: Tensor, cache: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the input of the batch norm, and the cache."""
        if self.causal:
            if cache is None:
                cache = x.new_zeros(x.shape[0], x.shape[1], KERNEL - 1, x.shape[3])
            x = torch.cat([cache.to(x.dtype), x], 2)
            cache = x[:, :, -(KERNEL - 1) :]
        return self.convolution(x), cache


class Crnn(nn.Module):
    """Network from log-mel and embeddings to logits (batch, step, class), whose sigmoid are step probabilities."""

    mean: Tensor
    scale: Tensor

    def __init__(self, config: CrnnConfig) -> None:
        super().__init__()
        self.config = config
        channels = (1, *config.filters)
        stacks = zip(channels, channels[1:], TIME_POOLS, strict=False) if config.spectral else ()
        self.stacks = nn.ModuleList(Stack(n_in, n_out, pool, config) for n_in, n_out, pool in stacks)
        self.projections = nn.ModuleList(nn.Linear(e.n_in, e.n_out) for e in config.embeddings)
        self.dropout = nn.Dropout(config.dropout)
        width = config.spectral * config.filters[-1] + sum(e.n_out for e in config.embeddings)
        self.recurrent = nn.GRU(width, config.hidden, num_layers=2, batch_first=True, bidirectional=not config.causal)
        n_hidden = config.hidden * (1 if config.causal else 2)
        self.head = nn.Linear(n_hidden, len(config.classes))
        self.onset = nn.Linear(n_hidden, len(config.classes)) if config.onsets else None
        self.register_buffer("mean", torch.zeros(config.n_mels))
        self.register_buffer("scale", torch.ones(config.n_mels))

    def set_statistics(self, mean: Tensor, deviation: Tensor) -> None:
        """Standardise each band by its mean and standard deviation (n_mels) from now on."""
        self.mean.copy_(mean)
        self.scale.copy_(1 / deviation.clamp_min(1e-3))

    def forward(self, mel: Tensor, embeddings: tuple[Tensor, ...] = ()) -> Tensor:
        """Return the logits of whole recordings: mel (batch, frame, mel), embeddings (batch, step, n_in) each.

        `look_ahead` steps of zeros follow the end, so that a causal network reports the last steps too.
        """
        return self.with_onsets(mel, embeddings)[0]

    def with_onsets(self, mel: Tensor, embeddings: tuple[Tensor, ...] = ()) -> tuple[Tensor, Tensor | None]:
        """Return the logits as `forward`, and those of a beginning within `ONSET_STEPS`, where it is learnt."""
        ahead = self.config.look_ahead
        x = F.pad(self.standardised(mel), (0, 0, 0, POOL * ahead))
        side = [F.pad(e, (0, 0, 0, ahead)) for e in embeddings]
        y = self._hidden(x, side, None)[0][:, ahead:]
        return self.head(y), None if self.onset is None else self.onset(y)

    def stream(self, mel: Tensor, state: CrnnState, embeddings: tuple[Tensor, ...] = ()) -> tuple[Tensor, CrnnState]:
        """Return the logits of the next frames, a multiple of 4, and the new state; row t is step t - look_ahead."""
        y, state = self._hidden(self.standardised(mel), list(embeddings), state)
        return self.head(y), state

    def initial_state(self, batch: int = 1) -> CrnnState:
        """Return the state before the first frame."""
        if not self.config.causal:
            raise ConfigError("Crnn.stream", expected="a causal network", got="a bidirectional one")
        h = self.mean.new_zeros(2, batch, self.config.hidden)
        channels = (1, *self.config.filters)
        sizes = [(channels[i], self.config.n_mels >> i) for i in range(len(self.stacks))]
        return [h, *(self.mean.new_zeros(batch, c, KERNEL - 1, bins) for c, bins in sizes)]

    def standardised(self, mel: Tensor) -> Tensor:
        """Bring each band of log-mel to mean 0 and standard deviation 1."""
        return (mel - self.mean) * self.scale

    def _hidden(self, x: Tensor, embeddings: list[Tensor], state: CrnnState | None) -> tuple[Tensor, CrnnState]:
        """Return the output of the recurrent layers (batch, step, hidden), and the new state."""
        caches: list[Any] = list(state[1:]) if state else [None] * len(self.stacks)
        parts = []
        if self.config.spectral:
            x = x[:, None]
            for i, stack in enumerate(self.stacks):
                x, caches[i] = stack(x, caches[i])
            parts.append(x[..., 0].transpose(1, 2))
        for projection, embedding in zip(self.projections, embeddings, strict=True):
            parts.append(self.dropout(F.relu(projection(embedding))))
        y, h = self.recurrent(torch.cat(parts, 2), state[0] if state else None)
        return y, [h, *caches]
