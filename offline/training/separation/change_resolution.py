"""Begin a network with the weights of another of another resolution or of fewer targets.

How a band sounds does not depend on its width.

A network with fewer, wider bins (a shorter window) takes for each of its bins the weights of the bins inside it: their
sum where it reads, their mean where it writes. The recurrent layers are taken as they are; the scaling of inputs of
another width stays as it was measured. A target that the other network of bands does not know begins as an equal part
of what that network calls `other`, so that at first the two together are what the one was.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from engine.core.errors import ModelError
from models.separation.band_network import BandNetwork, SeparationNetwork
from models.separation.config import SeparationNetworkConfig
from models.separation.network import OpenUnmix
from offline.synthesis.multitrack import REST

__all__ = ["change_resolution"]

READ, WRITTEN = "fc1.weight", ("fc3.weight", "bn3.", "output_mean", "output_scale")


def change_resolution(model: SeparationNetwork, other: SeparationNetwork) -> None:
    """Set the weights of `model` to those of `other`; ModelError unless kind, targets, width and layers are equal.

    A network of bands for mid and side may begin with one for left and right, and one of more targets with one of
    fewer.
    """
    if isinstance(model, BandNetwork) and isinstance(other, BandNetwork):
        other = _with_targets(other, model.config.targets)
    mine, theirs = model.config, other.config
    for name in ("network", "targets", "hidden", "n_layers", "bidirectional", "n_channels"):
        if getattr(mine, name) != getattr(theirs, name):
            expected, got = (f"{name} {getattr(config, name)}" for config in (mine, theirs))
            raise ModelError("init_weights", expected=expected, got=got)
    if theirs.mid_side and not mine.mid_side:
        raise ModelError("init_weights", expected="a network for left and right", got="one for mid and side")
    if isinstance(model, BandNetwork) and isinstance(other, BandNetwork):
        _change_bands(model, other)
    elif isinstance(model, OpenUnmix) and isinstance(other, OpenUnmix):
        _change_bins(model, other)


def _with_targets(other: BandNetwork, targets: tuple[str, ...]) -> BandNetwork:
    """Return a network of `targets`, those that `other` lacks as equal parts of its REST; `other` if none fit."""
    theirs = other.config.targets
    sources = [name if name in theirs else REST for name in targets]
    if targets == theirs or set(sources) != set(theirs):
        return other
    wider = BandNetwork(replace(other.config, targets=targets))
    weights = dict(other.state_dict())
    for name in [name for name in weights if name.startswith("outer.")]:
        rows = weights[name].unflatten(-1, (len(theirs), -1))[..., [theirs.index(source) for source in sources], :]
        if name.endswith("bias"):
            parts = torch.tensor([float(sources.count(source)) for source in sources])
            rows = rows - parts.log()[:, None]
        weights[name] = rows.flatten(-2)
    wider.load_state_dict(weights)
    return wider


def _change_bins(model: OpenUnmix, other: OpenUnmix) -> None:
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


def _change_bands(model: BandNetwork, other: BandNetwork) -> None:
    """Take what the bands share as it is; change the layers at both ends, which know bins."""
    old, n_rows = other.state_dict(), model.config.n_rows
    if model.config.stereo != other.config.stereo:
        old = _for_mid_side(old, model, other)
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


def _for_mid_side(old: dict[str, Tensor], model: BandNetwork, other: BandNetwork) -> dict[str, Tensor]:
    """Return weights with which a network for mid and side does at first what the one for left and right did.

    It ignores mid and side of its input, and masks both with the mean of left's and right's masks.
    """
    n_targets, changed = len(other.config.targets), dict(old)
    for name in ("mean", "scale"):
        if model.config.n_bins == other.config.n_bins:
            changed[name] = torch.cat([model.state_dict()[name][:2], old[name].expand(2, -1)])
    for name, value in old.items():
        if name.startswith("encoders.") and name.endswith("weight"):
            changed[name] = torch.cat([torch.zeros_like(value), value], 1)
        elif name.startswith("outer."):
            rows = value.unflatten(2, (n_targets, 2, -1)).mean(3, keepdim=True)
            changed[name] = rows.expand(-1, -1, -1, 2, -1).flatten(2)
    return changed


def _evenly(n_new: int, n_old: int) -> Tensor:
    """Return (new bin, old bin): the share of an old bin that lies within the new one, both covering the same band."""
    width = n_old / n_new
    low = (torch.arange(n_new) * width)[:, None]
    old = torch.arange(n_old)[None]
    return (torch.minimum(low + width, old + 1.0) - torch.maximum(low, old.float())).clamp(0, 1)


def _rows(values: Tensor, matrix: Tensor, n_channels: int) -> Tensor:
    """Apply the matrix (new bin, old bin) to values whose axis 0 is (channel, bin)."""
    parts = values.unflatten(0, (n_channels, -1))
    return torch.einsum("nb,cb...->cn...", matrix, parts).flatten(0, 1)


def _overlaps(mine: SeparationNetworkConfig, theirs: SeparationNetworkConfig, n_mine: int, n_theirs: int) -> Tensor:
    """Return (new bin, old bin): the share of the old bin's band that lies within the new one's."""
    width = theirs.n_fft / mine.n_fft  # of a new bin, in old ones
    low = (torch.arange(n_mine) * width - width / 2)[:, None]
    old = torch.arange(n_theirs)[None]
    inside = torch.minimum(low + width, old + 0.5) - torch.maximum(low, old - 0.5)
    shares = inside.clamp(0, 1)
    shares[-1, -1] = shares[-1, -1].clamp_min(1e-3)  # where one covers a little more than the other
    return shares
