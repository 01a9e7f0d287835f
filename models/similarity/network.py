"""The Siamese network of Agrawal & Dixon, "Learning Frame Similarity using Siamese networks for Audio-to-Score
Alignment" (2020), table I; and the perceptron of Izmirli & Dannenberg (ISMIR 2010) that it is compared with.

The paper gives the input's size, 128 x 128 x 3. Here it is 128 frames around the one that is compared, 128 rows of the
feature, and three planes: the feature, its change from frame to frame, and the change of that. Convolutions keep the
size; they see zeros at the edges of frequency, and the neighbouring frames at the edges of time. So the network is the
same at every frame, and a whole file costs 25 times less than its windows one by one (`SiameseCnn.along`).
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from engine.following.similarity.planes import PLANE_ROWS, PLANES
from models.similarity.config import EDGE, SPAN, PairMlpConfig, SiameseCnnConfig
from models.similarity.losses import TINY, distance

__all__ = ["AROUND", "FlatLayer", "PairAttention", "PairMlp", "SiameseCnn"]

LAYERS = ((64, 5), (128, 5), (256, 3), (512, 3))  # table I: number and size of the kernels
POOLED = 8  # by three poolings of two
AROUND = SPAN - 1 + 2 * EDGE  # frames of a window besides the one that is compared


class PairAttention(nn.Module):
    """The distance of two embeddings (..., n), their numbers weighed by what both of them are: D_W with attention.

    The weights of a pair come from |u - v| and u v, so both sides may be exchanged; they have mean 1, and are all 1 in
    the beginning: training begins with equation (2).
    """

    def __init__(self, n_embedding: int) -> None:
        super().__init__()
        self.score = nn.Linear(2 * n_embedding, n_embedding)
        nn.init.zeros_(self.score.weight)
        nn.init.zeros_(self.score.bias)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Return distances (...)."""
        difference = first - second
        seen = torch.cat([difference.abs(), first * second], dim=-1)
        weights = torch.softmax(self.score(seen), dim=-1) * first.shape[-1]
        return torch.sqrt(torch.sum(weights * difference**2, dim=-1) + TINY)


class FlatLayer(nn.Conv2d):
    """Flatten and fully connected, as the convolution over all that is left: (SPAN / 8, PLANE_ROWS / 8).

    Adam moves every weight as far: over so many inputs one step would move the embeddings farther than the margin, and
    the loss rises. So the weights are kept larger than they act, by the root of the number of inputs.
    """

    def __init__(self, n_channels: int, n_embedding: int, size: tuple[int, int]) -> None:
        super().__init__(n_channels, n_embedding, size)
        self.gain = self.weight[0].numel() ** -0.5

    def forward(self, x: Tensor, step: int = 1) -> Tensor:
        """Return (batch, n_embedding, frame, 1); the frames that it takes are `step` apart."""
        return nn.functional.conv2d(x, self.weight * self.gain, self.bias, dilation=(step, 1))


class SiameseCnn(nn.Module):
    """G_W, windows (batch, plane, AROUND + 1, PLANE_ROWS) to embeddings (batch, n_embedding).

    The frame that is compared has config.ahead frames of its window after it. Each convolution is followed by ReLU,
    then batch normalisation; the first three by 2 x 2 max-pooling; the last is flattened into a dense layer.
    """

    def __init__(self, config: SiameseCnnConfig) -> None:
        super().__init__()
        self.config = config
        widths = [PLANES, *(max(1, round(config.width * n)) for n, _ in LAYERS)]
        sizes = [size for _, size in LAYERS]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(a, b, size, padding=(0, size // 2))
            for a, b, size in zip(widths[:-1], widths[1:], sizes, strict=True)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(n) for n in widths[1:])
        self.flat = FlatLayer(widths[-1], config.n_embedding, (SPAN // POOLED, PLANE_ROWS // POOLED))
        self.attention = PairAttention(config.n_embedding) if config.attention else None
        with torch.no_grad():  # so that distances begin near the margin, where both halves of the loss pull
            self.flat.weight *= config.margin / config.n_embedding**0.5 / self.flat.gain

    def forward(self, windows: Tensor) -> Tensor:
        """Return embeddings of windows, as published: strided pooling, one window at a time."""
        x = windows
        for i, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            x = norm(torch.relu(convolution(x)))
            if i < len(self.norms) - 1:
                x = nn.functional.max_pool2d(x, 2)
        embeddings: Tensor = self.flat(x)
        return embeddings[:, :, 0, 0]

    def compare(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the distance of embeddings (..., n_embedding): Euclidean, equation (2), or with attention."""
        if self.attention is None:
            return distance(first, second)
        weighed: Tensor = self.attention(first, second)
        return weighed

    def along(self, planes: Tensor) -> Tensor:
        """Embed every frame of planes (batch, plane, frame + AROUND, PLANE_ROWS): (batch, frame, n_embedding).

        Pooling has no strides; later layers take frames that are further apart instead ("a trous").
        """
        x, step = planes, 1
        for i, (layer, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            convolution = cast(nn.Conv2d, layer)
            spread = nn.functional.conv2d(
                x, convolution.weight, convolution.bias, padding=convolution.padding, dilation=(step, 1)
            )
            x = norm(torch.relu(spread))
            if i < len(self.norms) - 1:
                x = nn.functional.max_pool2d(x, 2, stride=(1, 2), dilation=(step, 1))
                step *= 2
        embeddings: Tensor = self.flat(x, step)
        return embeddings[:, :, :, 0].transpose(1, 2)


class PairMlp(nn.Module):
    """Two semigrams (..., n_features) to the logit that they match: one hidden layer over both, side by side."""

    def __init__(self, config: PairMlpConfig) -> None:
        super().__init__()
        self.config = config
        self.first = nn.Linear(config.n_features, config.hidden)
        self.second = nn.Linear(config.n_features, config.hidden, bias=False)
        self.out = nn.Linear(config.hidden, 1)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Return logits (...), positive for a match."""
        logits: Tensor = self.out(torch.tanh(self.first(first) + self.second(second)))
        return logits[..., 0]
