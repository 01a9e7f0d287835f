"""Keep the filters of a finished sound event network that carry most, for a network with fewer of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.core.errors import ConfigError
from models.detection.network import POOL, Crnn, Stack

__all__ = ["narrowed", "narrowed_crnn"]

Weights = dict[str, Tensor]
INPUT = "recurrent.weight_ih_l0"
OF_CHANNEL = ("convolution.bias", "norm.weight", "norm.bias", "norm.running_mean", "norm.running_var", "linear.bias")
POSITIONS = 10_000  # of the output of a stack that its new kernels are fitted at
RIDGE = 1e-4  # of the mean power of the inputs


def narrowed(weights: Weights, filters: Sequence[int]) -> Weights:
    """Keep `filters` channels of each convolution stack, those of `_kept`; ConfigError if there are fewer of one."""
    out, chosen = dict(weights), [_kept(weights, i, filters) for i in range(len(filters))]
    for i, kept in enumerate(chosen):
        stack, reader = f"stacks.{i}.", _reader(i, filters)
        have = len(weights[stack + "convolution.weight"])
        out |= _cut_stack(out, stack, kept)
        behind = out[reader]
        out[reader] = torch.cat([behind[:, kept], behind[:, have:]], 1)  # embeddings follow the last stack
    return out


def _reader(stack: int, filters: Sequence[int]) -> str:
    """Return the name of the weights that read the output of a stack."""
    return f"stacks.{stack + 1}.convolution.weight" if stack + 1 < len(filters) else INPUT


def _kept(weights: Weights, number: int, filters: Sequence[int]) -> Tensor:
    """Return the channels of a stack that carry most, in order.

    A channel carries the norm of its kernel behind the batch norm times the norm of the weights that read it.
    Li et al., "Pruning filters for efficient ConvNets" (ICLR 2017), with the readers' weights besides.
    """
    stack, n = f"stacks.{number}.", filters[number]
    kernels = weights[stack + "convolution.weight"]
    if n > len(kernels):
        expected = f"at most {len(kernels)} in stack {number} of the weights given"
        raise ConfigError("filters", expected=expected, got=str(n))
    scale = weights[stack + "norm.weight"] / (weights[stack + "norm.running_var"] + 1e-5).sqrt()
    readers = weights[_reader(number, filters)][:, : len(kernels)].transpose(0, 1).flatten(1).norm(dim=1)
    strength = kernels.flatten(1).norm(dim=1) * scale.abs() * readers
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
    weights, random = finished.eval().state_dict(), torch.Generator().manual_seed(0)
    narrow = Crnn(replace(finished.config, filters=tuple(filters))).eval()
    narrow.load_state_dict(narrowed(weights, filters))
    ahead = POOL * finished.config.look_ahead
    with torch.no_grad():
        x = y = functional.pad(finished.standardised(mel), (0, 0, 0, ahead))[:, None]
        for i, (wide, small) in enumerate(zip(finished.stacks, narrow.stacks, strict=True)):
            assert isinstance(wide, Stack)
            assert isinstance(small, Stack)
            if i:
                wanted = wide.convolved(y, None)[0][:, _kept(weights, i, filters)]
                _fit(small.convolution, x, wanted, random, causal=finished.config.causal)
            y, x = wide(y)[0], small(x)[0]
    return narrow


def _fit(convolution: nn.Conv2d, x: Tensor, wanted: Tensor, random: torch.Generator, *, causal: bool) -> None:
    """Set the kernels by which the input x gives most nearly `wanted` (scene, channel, frame, bin)."""
    x = functional.pad(x, (1, 1, 2, 0) if causal else (1, 1, 1, 1))
    n_scenes, _, n_frames, n_bins = wanted.shape
    scene, frame, bins = (torch.randint(n, (POSITIONS,), generator=random) for n in (n_scenes, n_frames, n_bins))
    windows = x.unfold(2, 3, 1).unfold(3, 3, 1)  # (scene, channel, frame, bin, 3, 3)
    given = windows[scene, :, frame, bins].flatten(1).double()
    given = torch.cat([given, torch.ones(len(given), 1, dtype=torch.float64)], 1)
    goal = wanted[scene, :, frame, bins].double()
    gram = given.T @ given
    gram += RIDGE * gram.diagonal().mean() * torch.eye(len(gram), dtype=torch.float64)
    solved = torch.linalg.solve(gram, given.T @ goal).float()
    convolution.weight.copy_(solved[:-1].T.reshape(convolution.weight.shape))
    assert convolution.bias is not None
    convolution.bias.copy_(solved[-1])
