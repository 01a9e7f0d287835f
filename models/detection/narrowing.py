"""Keep the filters of a finished sound event network that carry most, for a network with fewer of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.core.errors import ConfigError
from models.detection.network import POOL, Crnn

__all__ = ["narrowed", "narrowed_crnn"]

Weights = dict[str, Tensor]
INPUT = "recurrent.weight_ih_l0"
OF_CHANNEL = ("convolution.bias", "norm.weight", "norm.bias", "norm.running_mean", "norm.running_var", "linear.bias")
POSITIONS = 10_000  # of the output of a stack that its new kernels are fitted at
RIDGE = 1e-3  # of the mean power of the inputs


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
        kept = _kept(out, stack, out[reader][:, :have], n)
        out |= _cut_stack(out, stack, kept)
        behind = out[reader]
        out[reader] = torch.cat([behind[:, kept], behind[:, have:]], 1)  # embeddings follow the last stack
    return out


def _kept(weights: Weights, stack: str, readers: Tensor, n: int) -> Tensor:
    """Return the n channels that carry most, in order; readers: (output, channel, ...)."""
    scale = weights[stack + "norm.weight"] / (weights[stack + "norm.running_var"] + 1e-5).sqrt()
    kernel = weights[stack + "convolution.weight"].flatten(1).norm(dim=1)
    strength = kernel * scale.abs() * readers.transpose(0, 1).flatten(1).norm(dim=1)
    return strength.topk(n).indices.sort().values


def _cut_stack(weights: Weights, stack: str, kept: Tensor) -> Weights:
    """Return the tensors of a stack with these channels alone."""
    cut = {stack + name: weights[stack + name][kept] for name in OF_CHANNEL if stack + name in weights}
    cut[stack + "convolution.weight"] = weights[stack + "convolution.weight"][kept]
    if (gate := stack + "linear.weight") in weights:
        cut[gate] = weights[gate][kept][:, kept]
    return cut


def narrowed_crnn(finished: Crnn, filters: Sequence[int], mel: Tensor) -> Crnn:
    """Return a network with fewer filters whose kernels are fitted so that its channels are those of the finished one.

    Stack by stack, from what the narrow stacks before give: He et al., "Channel pruning for accelerating very deep
    neural networks" (ICCV 2017), section 3.2, by least squares.

    mel: (scene, frame, mel) to fit on
    """
    narrow = Crnn(replace(finished.config, filters=tuple(filters))).eval()
    narrow.load_state_dict(narrowed(finished.state_dict(), filters))
    wide = finished.eval()
    random = torch.Generator().manual_seed(0)
    ahead = POOL * finished.config.look_ahead
    with torch.no_grad():
        x = y = functional.pad(wide.standardised(mel), (0, 0, 0, ahead))[:, None]
        for i, n in enumerate(filters):
            before: nn.Module = wide.stacks[i]
            after: nn.Module = narrow.stacks[i]
            reader = wide.stacks[i + 1].convolution.weight if i + 1 < len(filters) else wide.recurrent.weight_ih_l0  # type: ignore[union-attr]
            kept = _kept(wide.state_dict(), f"stacks.{i}.", reader[:, : wide.config.filters[i]], n)  # type: ignore[index]
            if i:
                wanted, _ = before.convolved(y, None)  # type: ignore[operator]
                _fit(after.convolution, x, wanted[:, kept], random, causal=finished.config.causal)  # type: ignore[arg-type]
            y, _ = before(y)
            x, _ = after(x)
    return narrow


def _fit(convolution: nn.Conv2d, x: Tensor, wanted: Tensor, random: torch.Generator, *, causal: bool) -> None:
    """Set the kernels by which the input x gives most nearly `wanted` (scene, channel, frame, bin)."""
    x = functional.pad(x, (1, 1, 2, 0) if causal else (1, 1, 1, 1))
    scenes, channels, frames, bins = wanted.shape
    at = [torch.randint(n, (POSITIONS,), generator=random) for n in (scenes, frames, bins)]
    windows = x.unfold(2, 3, 1).unfold(3, 3, 1)  # (scene, channel, frame, bin, 3, 3)
    given = windows[at[0], :, at[1], at[2]].flatten(1).double()
    given = torch.cat([given, torch.ones(len(given), 1, dtype=torch.float64)], 1)
    goal = wanted[at[0], :, at[1], at[2]].double()
    gram = given.T @ given
    gram += RIDGE * gram.diagonal().mean() * torch.eye(len(gram), dtype=torch.float64)
    solved = torch.linalg.solve(gram, given.T @ goal).float()
    convolution.weight.copy_(solved[:-1].T.reshape(convolution.weight.shape))
    assert convolution.bias is not None
    convolution.bias.copy_(solved[-1])
    del channels
