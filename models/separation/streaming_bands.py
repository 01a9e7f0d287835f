"""A network of bands as it runs: a frame at a time, its state in and out, in as few operators as may be.

For numbers this few the runtime's time goes by the operators and by the bytes of the weights: what is alike in several
bands is one product, biases are added once behind all products, no sum is made twice, and the temperature is part of
the last weights.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from models.separation.band_network import FAINTEST, LARGEST, BandBlock, BandNetwork, PerBand
from models.separation.frame_by_frame import FrameByFrame

__all__ = ["StreamingBands"]


class _Product(nn.Module):
    """The product of (band, 1, n_in) or, of one band, (1, n_in), with weights (band, n_in, n_out) or (n_in, n_out)."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight[0] if len(weight) == 1 else weight)  # the runtime prepares matrices alone

    def forward(self, values: Tensor) -> Tensor:
        return values @ self.weight


class _StreamingBlock(nn.Module):
    """A block for (band, width); the mixer's biases are columns, for its matrices stand on the left."""

    def __init__(self, block: BandBlock) -> None:
        super().__init__()
        self.norms, self.lstm, self.after, self.features = block.norms, block.lstm, block.after, block.features
        first, last = cast(nn.Linear, block.bands[0]), cast(nn.Linear, block.bands[2])
        self.spread, self.spread_bias = first.weight, nn.Parameter(first.bias[:, None])
        self.gather, self.gather_bias = last.weight, nn.Parameter(last.bias[:, None])

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map (band, width) to the same; h and c are (1, band, width)."""
        _, (h, c) = self.lstm(self.norms[0](x)[None], (h, c))
        x = x + self.after(h[0])
        inner = torch.relu(torch.addmm(self.spread_bias, self.spread, self.norms[1](x)))
        x = x + torch.addmm(self.gather_bias, self.gather, inner)
        return x + self.features(self.norms[2](x)), h, c


class StreamingBands(FrameByFrame):
    """The network of one stream as it runs live: its state goes in and comes out."""

    def __init__(self, model: BandNetwork) -> None:
        super().__init__()
        config = self.config = model.eval().config
        self.groups = model.groups
        self.n_bands = model.n_bands
        self.mean, self.scale, self.norm = nn.Parameter(model.mean), nn.Parameter(model.scale), model.norm
        encoders, inner, outer = (
            [cast(PerBand, each) for each in part] for part in (model.encoders, model.inner, model.outer)
        )
        with torch.no_grad():
            self.encoders = nn.ModuleList(_Product(each.weight) for each in encoders)
            self.encoder_bias = nn.Parameter(torch.cat([each.bias[:, 0] for each in encoders]))
            self.inner = _Product(torch.cat([each.weight for each in inner]))
            self.inner_bias = nn.Parameter(torch.cat([each.bias for each in inner]))
            self.outer = nn.ModuleList(_Product(each.weight / config.temperature) for each in outer)
            self.outer_bias = nn.Parameter(self._joined([each.bias / config.temperature for each in outer]))
        self.blocks = nn.ModuleList(_StreamingBlock(cast(BandBlock, block)) for block in model.blocks)

    @property
    def state_shape(self) -> tuple[int, int, int]:
        """Shape of h and of c: (block, band, width)."""
        return len(self.blocks), self.n_bands, self.config.hidden

    def _step(self, frame: Tensor, h_in: Tensor, c_in: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, after_h, after_c = self._encode(frame), [], []
        for block, h, c in zip(self.blocks, h_in.split(1), c_in.split(1), strict=True):
            x, after, cell = block(x, h, c)
            after_h.append(after)
            after_c.append(cell)
        inner = torch.tanh(self.inner(self.norm(x)[:, None]) + self.inner_bias).split([n for n, _ in self.groups])
        rows = [part[0] if len(part) == 1 else part for part in inner]
        logits = self._joined([outer(part) for outer, part in zip(self.outer, rows, strict=True)]) + self.outer_bias
        shares = torch.exp(logits.clamp(-LARGEST, LARGEST))
        shape = (1, len(self.config.targets), self.config.n_channels, self.config.n_bins)
        return self._masks(shares.reshape(shape)), torch.cat(after_h), torch.cat(after_c)

    def _encode(self, frame: Tensor) -> Tensor:
        """(1, row, bin) to (band, width)."""
        x = (torch.log(frame + FAINTEST) - self.mean) * self.scale
        n_rows, codes = self.config.n_rows, []
        parts = x.split([n * bins for n, bins in self.groups], 2)
        for encoder, part, (n, bins) in zip(self.encoders, parts, self.groups, strict=True):
            by_band = part.reshape(n_rows, n, bins).transpose(0, 1) if n > 1 else part
            code = encoder(by_band.reshape((n, 1, n_rows * bins) if n > 1 else (1, n_rows * bins)))
            codes.append(code.reshape(n, self.config.hidden))
        return torch.cat(codes) + self.encoder_bias

    def _joined(self, parts: list[Tensor]) -> Tensor:
        """Join (band, 1, target * channel * bin of the band) of all groups to (target * channel, bin)."""
        n_masks, joined = len(self.config.targets) * self.config.n_channels, []
        for part, (n, bins) in zip(parts, self.groups, strict=True):
            if n > 1:
                joined.append(part.reshape(n, n_masks, bins).transpose(0, 1).reshape(n_masks, n * bins))
            else:
                joined.append(part.reshape(n_masks, bins))
        return torch.cat(joined, 1)

    def _masks(self, shares: Tensor) -> Tensor:
        """Divide exponentials of logits (1, target, channel, bin) as `BandNetwork.divide` does, to a sum of one."""
        if not self.config.nested:
            return shares / shares.sum(1, keepdim=True)
        *known, whole = shares.split(1, 1)
        known, inside = known[: -self.config.nested], known[-self.config.nested :]
        divided = whole / sum(inside, start=torch.ones(()))
        total = sum(known, start=whole)
        return torch.cat([*known, *(each * divided for each in inside), divided], 1) / total
