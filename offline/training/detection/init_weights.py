"""The weights of a finished sound event network as another one begins with: causal, or with embeddings besides."""

from __future__ import annotations

import torch
from torch import Tensor

from models.detection.network import Crnn, CrnnConfig

__all__ = ["weights_for"]


def weights_for(config: CrnnConfig, finished: Crnn, *, late: bool = False) -> dict[str, Tensor]:
    """The weights of a finished network for one of `config`; of two directions a causal network takes the one.

    Where a convolution looked a frame ahead, a causal one takes the newest frame for it, so that it speaks of now; or,
    if `late`, hears exactly what the finished one heard, a frame later for each convolution: some six steps in all.
    Embeddings that the finished network does not hear begin as they are drawn.
    """
    weights = finished.state_dict()
    if config.causal and not finished.config.causal:
        weights = _forwards(weights, config.hidden)
        if not late:
            weights = {name: _folded(value) if _in_time(name) else value for name, value in weights.items()}
    if config.embeddings and not finished.config.embeddings:
        weights = _widened(weights, Crnn(config).state_dict())
    return weights


def _forwards(weights: dict[str, Tensor], hidden: int) -> dict[str, Tensor]:
    """The recurrent direction that runs forwards."""
    kept = {name: value for name, value in weights.items() if not name.endswith("_reverse")}
    return kept | {name: weights[name][:, :hidden] for name in ("recurrent.weight_ih_l1", "head.weight")}


def _in_time(name: str) -> bool:
    return name.startswith("stacks.") and name.endswith("convolution.weight")


def _folded(kernel: Tensor) -> Tensor:
    """A kernel (out, in, frame, band) about a frame as one that ends with it: what was to come is taken as now."""
    before, now, after = kernel.unbind(2)
    return torch.stack([torch.zeros_like(before), before, now + after], 2)


def _widened(weights: dict[str, Tensor], drawn: dict[str, Tensor]) -> dict[str, Tensor]:
    """With the columns and layers that the embeddings need, as they are drawn."""
    out = weights | {name: value for name, value in drawn.items() if name.startswith("projections.")}
    for name, value in weights.items():
        if name.startswith("recurrent.weight_ih_l0"):
            out[name] = torch.cat([value, drawn[name][:, value.shape[1] :]], 1)
    return out
