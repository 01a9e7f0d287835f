"""The small causal network that runs live: bands of the last third of a second to an embedding, 86 times a second.

One linear layer, then residual convolutions over past frames whose spacing doubles (as in WaveNet), then an embedding
of unit length. Axis 0 is time. In the live graph the past frames of each convolution are its state.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from models.similarity.config import StreamingSiameseConfig

__all__ = ["StreamingSiamese"]


class CausalBlock(nn.Module):
    """y = x + relu(norm(conv(x))), the convolution over `kernel` frames, `spacing` apart, the newest last."""

    def __init__(self, width: int, kernel: int, spacing: int) -> None:
        super().__init__()
        self.past = (kernel - 1) * spacing
        self.convolution = nn.Conv1d(width, width, kernel, dilation=spacing, bias=False)
        self.normalise = nn.BatchNorm1d(width)

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Return y for x (batch, width, frame) after `state` (batch, width, past), and the newest `past` frames."""
        whole = torch.cat([state, x], dim=2)
        y = torch.relu(self.normalise(self.convolution(whole)))
        return x + y, whole[:, :, -self.past :]


class StreamingSiamese(nn.Module):
    """Features (frame, n_features) to embeddings (frame, n_embedding) of unit length."""

    def __init__(self, config: StreamingSiameseConfig) -> None:
        super().__init__()
        self.config = config
        self.scale = nn.BatchNorm1d(config.n_features)
        self.enter = nn.Conv1d(config.n_features, config.hidden, 1)
        self.blocks = nn.ModuleList(CausalBlock(config.hidden, config.kernel, 2**i) for i in range(config.n_layers))
        self.leave = nn.Conv1d(config.hidden, config.n_embedding, 1)
        self.temperature = nn.Parameter(torch.tensor(2.5))  # logarithm of the sharpness in `time_contrast`

    def states(self, batch: int = 1) -> list[Tensor]:
        """Return the past of a stream that begins: zeros (batch, hidden, past) for each block."""
        pasts = [cast(CausalBlock, block).past for block in self.blocks]
        return [self.leave.weight.new_zeros(batch, self.config.hidden, past) for past in pasts]

    def forward(self, features: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """Return embeddings of features (frame, n_features) after the states, and the states after them."""
        embedding, after = self._run(features.T[None], list(states))
        return (embedding[0].T, *after)

    def whole(self, features: Tensor) -> Tensor:
        """Return embeddings (batch, frame, n_embedding) of features (batch, frame, n_features) after silence."""
        embedding, _ = self._run(features.transpose(1, 2), self.states(len(features)))
        return embedding.transpose(1, 2)

    def _run(self, x: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        x, after = torch.relu(self.enter(self.scale(x))), []
        for block, state in zip(self.blocks, states, strict=True):
            x, newest = block(x, state)
            after.append(newest)
        return nn.functional.normalize(self.leave(x), dim=1), after
