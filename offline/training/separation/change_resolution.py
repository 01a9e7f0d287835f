"""Begin a bank of one resolution with the weights of another: what a band sounds like does not depend on its width.

A network of fewer, wider bins (a shorter window) takes for each of its bins what the bins inside it had: their
weights' sum where it reads, their mean where it writes. The recurrent layers are taken as they are; the scaling of
inputs of another width stays as it was measured.
"""

from __future__ import annotations

import torch
from torch import Tensor

from engine.core.errors import ModelError
from models.separation.band_network import BandUnmix
from models.separation.network import Unmix, UnmixConfig

__all__ = ["begin_with"]

READ, WRITTEN = "fc1.weight", ("fc3.weight", "bn3.", "output_mean", "output_scale")


def begin_with(model: Unmix | BandUnmix, other: Unmix | BandUnmix) -> None:
    """Set the weights of `model`; ModelError unless kind, targets, width and layers are the same.

    A network of bands for mid and side may begin with one for left and right.
    """
    mine, theirs = model.config, other.config
    for name in ("network", "targets", "hidden", "n_layers", "bidirectional", "n_channels"):
        if getattr(mine, name) != getattr(theirs, name):
            expected, got = (f"{name} {getattr(config, name)}" for config in (mine, theirs))
            raise ModelError("--start-from", expected=expected, got=got)
    if theirs.mid_side and not mine.mid_side:
        raise ModelError("--start-from", expected="a network of left and right", got="one of mid and side")
    (_begin_bands if isinstance(model, BandUnmix) else _begin_bins)(model, other)


def _begin_bins(model: Unmix, other: Unmix) -> None:
    mine, theirs = model.config, other.config
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


def _begin_bands(model: BandUnmix, other: BandUnmix) -> None:
    """What bands share is taken as it is; the layers at both ends know bins, of which each band has fewer now."""
    old, n_rows = other.state_dict(), model.config.n_heard
    if model.config.stereo != other.config.stereo:
        old = _turned(old, model, other)
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if value.shape == old[name].shape:
                value.copy_(old[name])
                continue
            if name in ("mean", "scale"):  # as they were measured
                continue
            part, group, _ = name.split(".")
            bins, before = model.groups[int(group)][1], other.groups[int(group)][1]
            shares = _evenly(bins, before)
            if part == "encoders":
                weights = old[name].unflatten(1, (n_rows, before))
                value.copy_(torch.einsum("kcbw,nb->kcnw", weights, shares).flatten(1, 2))
            else:
                shares = shares / shares.sum(1, keepdim=True)
                value.copy_(torch.einsum("kwrb,nb->kwrn", old[name].unflatten(2, (-1, before)), shares).flatten(2))


def _turned(old: dict[str, Tensor], model: BandUnmix, other: BandUnmix) -> dict[str, Tensor]:
    """Weights for left and right as a network of mid and side has them that does at first what theirs did.

    Mid and side are not yet listened to, and both are masked as left and right were on the average.
    """
    n_targets, turned = len(other.config.targets), dict(old)
    for name in ("mean", "scale"):
        if model.config.n_bins == other.config.n_bins:
            turned[name] = torch.cat([model.state_dict()[name][:2], old[name].expand(2, -1)])
    for name, value in old.items():
        if name.startswith("encoders.") and name.endswith("weight"):
            turned[name] = torch.cat([torch.zeros_like(value), value], 1)
        elif name.startswith("outer."):
            rows = value.unflatten(2, (n_targets, 2, -1)).mean(3, keepdim=True)
            turned[name] = rows.expand(-1, -1, -1, 2, -1).flatten(2)
    return turned


def _evenly(n_new: int, n_old: int) -> Tensor:
    """(new bin, old bin): the share of an old bin that lies within the new one, both covering the same band."""
    width = n_old / n_new
    low = (torch.arange(n_new) * width)[:, None]
    old = torch.arange(n_old)[None]
    return (torch.minimum(low + width, old + 1.0) - torch.maximum(low, old.float())).clamp(0, 1)


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
