"""What networks that run a frame at a time share: one frame after the other, the state from each to the next."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["FrameByFrame"]


class FrameByFrame(nn.Module):
    """A network whose state goes in and comes out; subclasses say what one frame does."""

    def forward(self, magnitude: Tensor, h_in: Tensor, c_in: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return masks for magnitudes (frame, row, bin), and the states after the last frame."""
        masks, h, c = [], h_in, c_in
        for frame in magnitude.split(1) if len(magnitude) > 1 else [magnitude]:
            mask, h, c = self._step(frame, h, c)
            masks.append(mask)
        return torch.cat(masks) if len(masks) > 1 else masks[0], h, c

    def _step(self, frame: Tensor, h_in: Tensor, c_in: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the masks (1, target, channel, bin) of one frame (1, row, bin), and the states after it."""
        raise NotImplementedError
