"""Keep the filters of a finished sound event network that carry most, for a network with fewer of them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from engine.core.errors import ConfigError

__all__ = ["narrowed"]

Weights = dict[str, Tensor]
INPUT = "recurrent.weight_ih_l0"
OF_CHANNEL = ("convolution.bias", "norm.weight", "norm.bias", "norm.running_mean", "norm.running_var", "linear.bias")


def narrowed(weights: Weights, filters: Sequence[int]) -> Weights:
    """Keep `filters` channels of each convolution stack; ConfigError if the network has fewer of one.

    A channel carries the norm of its kernel behind the batch norm times the norm of the weights that read it.
    Li et al., "Pruning filters for efficient ConvNets" (ICLR 2017), with the readers' weights besides.
    """
    out = dict(weights)
    for i, n in enumerate(filters):
        stack, reader = f"stacks.{i}.", f"stacks.{i + 1}.convolution.weight" if i + 1 < len(filters) else INPUT
        have = len(out[stack + "convolution.weight"])
        if n > have:
            raise ConfigError("filters", expected=f"at most {have} in stack {i} of the weights given", got=str(n))
        kept = _strength(out, stack, out[reader][:, :have]).topk(n).indices.sort().values
        out |= _cut_stack(out, stack, kept)
        behind = out[reader]
        out[reader] = torch.cat([behind[:, kept], behind[:, have:]], 1)  # embeddings follow the last stack
    return out


def _strength(weights: Weights, stack: str, readers: Tensor) -> Tensor:
    """Return how much each channel carries; readers: (output, channel, ...)."""
    scale = weights[stack + "norm.weight"] / (weights[stack + "norm.running_var"] + 1e-5).sqrt()
    kernel = weights[stack + "convolution.weight"].flatten(1).norm(dim=1)
    return kernel * scale.abs() * readers.transpose(0, 1).flatten(1).norm(dim=1)


def _cut_stack(weights: Weights, stack: str, kept: Tensor) -> Weights:
    """Return the tensors of a stack with these channels alone."""
    cut = {stack + name: weights[stack + name][kept] for name in OF_CHANNEL if stack + name in weights}
    cut[stack + "convolution.weight"] = weights[stack + "convolution.weight"][kept]
    if (gate := stack + "linear.weight") in weights:
        cut[gate] = weights[gate][kept][:, kept]
    return cut
