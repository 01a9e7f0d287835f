"""The small causal twin that runs live: bands of the last third of a second to an embedding, 86 times a second.

One linear layer, then residual convolutions over past frames whose spacing doubles (as WaveNet's do), then an
embedding of unit length. Axis 0 is time. In the live graph the past frames of each convolution are its state.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from engine.core.config import require
from engine.following.embedder import twin_metadata
from models.export import Graph, export_graph

__all__ = ["LiveSiamese", "LiveSiameseConfig", "export_siamese", "siamese_graph"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSiameseConfig:
    """n_features: of a frame; hidden: width; n_embedding: numbers out; n_layers: each sees twice as far; kernel: frames
    of each.
    """

    n_features: int
    hidden: int = 128
    n_embedding: int = 48
    n_layers: int = 4
    kernel: int = 3

    def __post_init__(self) -> None:
        require("n_features", self.n_features, 1, 4096)
        require("hidden", self.hidden, 2, 4096)
        require("n_embedding", self.n_embedding, 2, 1024)
        require("n_layers", self.n_layers, 1, 10)
        require("kernel", self.kernel, 2, 9)

    def as_dict(self) -> dict[str, object]:
        """Plain values, as written on cards and into checkpoints."""
        return asdict(self)


class Block(nn.Module):
    """y = x + relu(norm(conv(x))), the convolution over `kernel` frames, `spacing` apart, the newest last."""

    def __init__(self, width: int, kernel: int, spacing: int) -> None:
        super().__init__()
        self.past = (kernel - 1) * spacing
        self.convolution = nn.Conv1d(width, width, kernel, dilation=spacing, bias=False)
        self.normalise = nn.BatchNorm1d(width)

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """X (batch, width, frame) and the frames before it (batch, width, past): y, and the newest `past` frames."""
        whole = torch.cat([state, x], dim=2)
        y = torch.relu(self.normalise(self.convolution(whole)))
        return x + y, whole[:, :, -self.past :]


class LiveSiamese(nn.Module):
    """Features (frame, n_features) to embeddings (frame, n_embedding) of unit length."""

    def __init__(self, config: LiveSiameseConfig) -> None:
        super().__init__()
        self.config = config
        self.scale = nn.BatchNorm1d(config.n_features)
        self.enter = nn.Conv1d(config.n_features, config.hidden, 1)
        self.blocks = nn.ModuleList(Block(config.hidden, config.kernel, 2**i) for i in range(config.n_layers))
        self.leave = nn.Conv1d(config.hidden, config.n_embedding, 1)
        self.temperature = nn.Parameter(torch.tensor(2.5))  # log of the sharpness that training compares with

    def states(self, batch: int = 1) -> list[Tensor]:
        """The past of a stream that begins: zeros (batch, hidden, past) a block."""
        return [self.leave.weight.new_zeros(batch, self.config.hidden, block.past) for block in self.blocks]

    def forward(self, features: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """Features (frame, n_features) and a state a block: embeddings, and the states to go on with."""
        embedding, after = self._run(features.T[None], list(states))
        return (embedding[0].T, *after)

    def whole(self, features: Tensor) -> Tensor:
        """Features (batch, frame, n_features) from silence: embeddings (batch, frame, n_embedding)."""
        embedding, _ = self._run(features.transpose(1, 2), self.states(len(features)))
        return embedding.transpose(1, 2)

    def _run(self, x: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        x, after = torch.relu(self.enter(self.scale(x))), []
        for block, state in zip(self.blocks, states, strict=True):
            x, newest = block(x, state)
            after.append(newest)
        return nn.functional.normalize(self.leave(x), dim=1), after


def siamese_graph(model: LiveSiamese) -> Graph:
    """The live graph: features and a state a block in, embedding and states out."""
    states = {f"past{i}_in": state for i, state in enumerate(model.states())}
    return Graph(
        module=model,
        inputs={"features": torch.zeros(1, model.config.n_features), **states},
        outputs=("embedding", *(name.replace("_in", "_out") for name in states)),
        dynamic={"features": {0: "frame"}, "embedding": {0: "frame"}},
    )


def export_siamese(model: LiveSiamese, path: Path, *, licence: str, training: str) -> Graph:
    """Write the file that `engine.following.embedder.Embedder` runs; licence: of the weights; training: one line."""
    graph = siamese_graph(model)
    export_graph(graph, path, {**twin_metadata(model.config.n_embedding), "licence": licence, "training": training})
    return graph
