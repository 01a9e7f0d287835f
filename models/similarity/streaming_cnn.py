"""The published network frame by frame: what each layer must remember of the past is its state.

`SiameseCnn.along` on a stream: layers take frames that lie apart, so a frame costs one tower, not one of 128 frames,
and the distance to any other frame is the length of a difference of embeddings.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from engine.following.similarity.planes import PLANE_ROWS, PLANES
from models.similarity.network import SiameseCnn

__all__ = ["StreamingCnn"]


class StreamingCnn(nn.Module):
    """Planes (frame, PLANES, PLANE_ROWS) and states in, embeddings (frame, n_embedding) and states out.

    Embeddings are those of `SiameseCnn`, less `centre` (n_embedding), which changes no distance: with the mean
    embedding as centre, cosines compare as distances do. Frame t of the output describes frame t - config.ahead.
    """

    centre: Tensor

    def __init__(self, network: SiameseCnn, centre: Tensor | None = None) -> None:
        super().__init__()
        self.network = network.eval()
        self.config = network.config
        centre = torch.zeros(network.config.n_embedding) if centre is None else centre
        self.register_buffer("centre", centre.detach().clone())

    def states(self) -> list[Tensor]:
        """Return zeros (1, channel, past, row) for each layer that looks back: convolutions, poolings, dense layer."""
        states, channels, rows, step = [], PLANES, PLANE_ROWS, 1
        for i, layer in enumerate(self.network.convolutions):
            convolution = cast(nn.Conv2d, layer)
            states.append(torch.zeros(1, channels, (convolution.kernel_size[0] - 1) * step, rows))
            channels = convolution.out_channels
            if i < len(self.network.norms) - 1:
                states.append(torch.zeros(1, channels, step, rows))
                rows, step = rows // 2, 2 * step
        states.append(torch.zeros(1, channels, (self.network.flat.kernel_size[0] - 1) * step, rows))
        return states

    def forward(self, planes: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """Return embeddings after the states, and the states after them."""
        x, before, step = planes.permute(1, 0, 2)[None], list(states), 1
        after: list[Tensor] = []
        for i, (layer, norm) in enumerate(zip(self.network.convolutions, self.network.norms, strict=True)):
            convolution = cast(nn.Conv2d, layer)
            x = _remembered(before, x, after)
            spread = nn.functional.conv2d(
                x, convolution.weight, convolution.bias, padding=convolution.padding, dilation=(step, 1)
            )
            x = norm(torch.relu(spread))
            if i < len(self.network.norms) - 1:
                x = _remembered(before, x, after)
                x = torch.maximum(x[:, :, :-step], x[:, :, step:])
                x = nn.functional.max_pool2d(x, (1, 2))
                step *= 2
        x = _remembered(before, x, after)
        embeddings = self.network.flat(x, step)
        return (embeddings[0, :, :, 0].T - self.centre, *after)


def _remembered(before: list[Tensor], x: Tensor, after: list[Tensor]) -> Tensor:
    """Put the next state before x, and its newest frames among the states to come."""
    state = before.pop(0)
    whole = torch.cat([state, x], dim=2)
    after.append(whole[:, :, -state.shape[2] :])
    return whole
