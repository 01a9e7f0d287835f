"""Begin a bank of one resolution with the weights of another: what a band sounds like does not depend on its width.

A network of fewer, wider bins (a shorter window) takes for each of its bins what the bins inside it had: their
weights' sum where it reads, their mean where it writes. The recurrent layers are taken as they are; the scaling of
inputs of another width stays as it was measured.
"""

from __future__ import annotations

import torch
from torch import Tensor

from engine.errors import ModelError
from models.unmix import Unmix, UnmixConfig

__all__ = ["begin_with"]

READ, WRITTEN = "fc1.weight", ("fc3.weight", "bn3.", "output_mean", "output_scale")


def begin_with(model: Unmix, other: Unmix) -> None:
    """Set the weights of `model`; ModelError unless targets, width and layers are the same."""
    mine, theirs = model.config, other.config
    for name in ("targets", "hidden", "n_layers", "bidirectional", "n_channels"):
        if getattr(mine, name) != getattr(theirs, name):
            expected, got = (f"{name} {getattr(config, name)}" for config in (mine, theirs))
            raise ModelError("--start-from", expected=expected, got=got)
    read = _overlaps(mine, theirs, mine.n_input_bins, theirs.n_input_bins)
    written = _overlaps(mine, theirs, mine.n_bins, theirs.n_bins)
    written = written / written.sum(1, keepdim=True)
    old, n = other.state_dict(), mine.n_channels
    with torch.no_grad():
        for name, value in model.state_dict().items():
            kind = name.split(".", 2)[2]
            if value.shape == old[name].shape:
                value.copy_(old[name])
            elif kind == READ:
                value.copy_((old[name].unflatten(1, (n, -1)) @ read.T).flatten(1))
            elif kind.startswith(WRITTEN):
                value.copy_(_rows(old[name], written, 1 if kind in WRITTEN[2:] else n))


def _rows(values: Tensor, matrix: Tensor, n_channels: int) -> Tensor:
    """Values whose axis 0 is (channel, bin), by the matrix (new bin, old bin)."""
    parts = values.unflatten(0, (n_channels, -1))
    return torch.einsum("nb,cb...->cn...", matrix, parts).flatten(0, 1)


def _overlaps(mine: UnmixConfig, theirs: UnmixConfig, n_mine: int, n_theirs: int) -> Tensor:
    """(new bin, old bin): the share of the old bin's band that lies within the new one's."""
    width = theirs.n_fft / mine.n_fft  # of a new bin, in old ones
    low = (torch.arange(n_mine) * width - width / 2)[:, None]
    old = torch.arange(n_theirs)[None]
    inside = torch.minimum(low + width, old + 0.5) - torch.maximum(low, old - 0.5)
    shares = inside.clamp(0, 1)
    shares[-1, -1] = shares[-1, -1].clamp_min(1e-3)  # where one covers a little more than the other
    return shares
