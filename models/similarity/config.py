"""The settings of networks that compare frames of music; light to import, since `--help` reads them."""

from __future__ import annotations

from dataclasses import MISSING, dataclass
from typing import Any

from engine.core.config import Settings, plain, ranged, resolved

__all__ = [
    "AHEAD",
    "EDGE",
    "FULL_WIDTH",
    "MARGIN",
    "SPAN",
    "PairMlpConfig",
    "SiameseCnnConfig",
    "StreamingSiameseConfig",
]

FULL_WIDTH = 1.0  # of the published network's layers
MARGIN = 1.0  # m of the contrastive loss
SPAN = 128  # frames of the published network's input
EDGE = 18  # frames that its convolutions look beyond the span: 2 + 2 * 2 + 4 * 1 + 8 * 1
AHEAD = SPAN // 2 - 1 + EDGE  # frames after the one that is compared where that is in the middle


@dataclass(frozen=True, slots=True, kw_only=True)
class SiameseCnnConfig(Settings):
    """The published network."""

    width: float = ranged(FULL_WIDTH, 1 / 64, 4, "width of every layer, 1 as published")
    n_embedding: int = ranged(128, 2, 4096, "numbers of an embedding, which the paper leaves open")
    margin: float = ranged(MARGIN, 1e-3, 1e3, "distance beyond which frames count as different, m of equation (1)")
    ahead: int = ranged(AHEAD, 0, SPAN - 1 + 2 * EDGE, "frames heard after the one that is compared", unit="frames")
    attention: bool = plain(False, "weigh the numbers of two embeddings by the pair, beyond the paper")

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as written into checkpoints."""
        return resolved(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairMlpConfig(Settings):
    """The perceptron that the published network is compared with."""

    n_features: int = ranged(88, 1, 4096, "numbers of a frame")
    hidden: int = ranged(64, 1, 4096, "units of the hidden layer")

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as written into checkpoints."""
        return resolved(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamingSiameseConfig(Settings):
    """The small causal network that runs live."""

    n_features: int = ranged(MISSING, 1, 4096, "numbers of a frame")
    hidden: int = ranged(128, 2, 4096, "width of every layer")
    n_embedding: int = ranged(48, 2, 1024, "numbers of an embedding")
    n_layers: int = ranged(4, 1, 10, "convolutions, each of which looks twice as far back")
    kernel: int = ranged(3, 2, 9, "frames of each convolution")

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as written on cards and into checkpoints."""
        return resolved(self)
