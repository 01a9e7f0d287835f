"""The twin network of Agrawal & Dixon, "Learning Frame Similarity using Siamese networks for Audio-to-Score Alignment"
(2020), table I; and the perceptron of Izmirli & Dannenberg (ISMIR 2010) that it is compared with.

The paper says 128 x 128 x 3 and no more. Here: 128 frames about the one that is compared, 128 rows of the feature,
and three planes: the feature, its change from frame to frame, and the change of that. Convolutions keep the size; at
the edges of frequency they see zeros, at the edges of time the frames that lie there: that makes the network the same
at every frame, so that a whole file costs 25 times less than its windows one by one (`SiameseCnn.along`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from engine.core.config import require

__all__ = [
    "AFTER",
    "BEFORE",
    "MARGIN",
    "PLANES",
    "PLANE_ROWS",
    "SPAN",
    "PairMlp",
    "SiameseCnn",
    "SiameseConfig",
    "contrastive_loss",
    "distance",
    "time_contrast",
]

PLANE_ROWS = SPAN = 128
PLANES = 3
LAYERS = ((64, 5), (128, 5), (256, 3), (512, 3))  # table I: kernels, and their size
POOLED = 8  # three poolings by two
EDGE = 18  # frames that the convolutions look beyond the span: 2 + 2 * 2 + 4 * 1 + 8 * 1
BEFORE, AFTER = SPAN // 2 + EDGE, SPAN // 2 - 1 + EDGE  # frames before and after the one that is compared
MARGIN = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SiameseConfig:
    """width: of every layer, 1 as published, 1/64 to 4; n_embedding: of the dense layer, which the paper leaves open;
    margin: m of equation (1).
    """

    width: float = 1.0
    n_embedding: int = 128
    margin: float = MARGIN

    def __post_init__(self) -> None:
        require("width", self.width, 1 / 64, 4)
        require("n_embedding", self.n_embedding, 2, 4096)
        require("margin", self.margin, 1e-3, 1e3)

    def as_dict(self) -> dict[str, object]:
        """Plain values, as written into checkpoints."""
        return asdict(self)


class SiameseCnn(nn.Module):
    """G_W: windows (batch, plane, BEFORE + 1 + AFTER, PLANE_ROWS) to embeddings (batch, n_embedding).

    Each convolution is followed by ReLU, then batch normalisation; the first three by 2 x 2 max-pooling; the last is
    flattened into a dense layer.
    """

    def __init__(self, config: SiameseConfig) -> None:
        super().__init__()
        self.config = config
        widths = [PLANES, *(max(1, round(config.width * n)) for n, _ in LAYERS)]
        sizes = [size for _, size in LAYERS]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(a, b, size, padding=(0, size // 2))
            for a, b, size in zip(widths[:-1], widths[1:], sizes, strict=True)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(n) for n in widths[1:])
        # Flatten and fully connected, as the convolution over all that is left: (SPAN / 8, PLANE_ROWS / 8).
        self.dense = nn.Conv2d(widths[-1], config.n_embedding, (SPAN // POOLED, PLANE_ROWS // POOLED))
        with torch.no_grad():  # so that distances begin about the margin, where both halves of the loss pull
            self.dense.weight *= config.margin / config.n_embedding**0.5

    def forward(self, windows: Tensor) -> Tensor:
        """Embeddings of windows, as published: strided pooling, one window at a time."""
        x = windows
        for i, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            x = norm(torch.relu(convolution(x)))
            if i < len(self.norms) - 1:
                x = nn.functional.max_pool2d(x, 2)
        return self.dense(x)[:, :, 0, 0]

    def along(self, planes: Tensor) -> Tensor:
        """Embed every frame of planes (batch, plane, frame + BEFORE + AFTER, PLANE_ROWS): (batch, frame, n_embedding).

        Pooling takes no strides; what comes after it looks as many frames further apart instead ("a trous").
        """
        x, step = planes, 1
        for i, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            spread = nn.functional.conv2d(
                x, convolution.weight, convolution.bias, padding=convolution.padding, dilation=(step, 1)
            )
            x = norm(torch.relu(spread))
            if i < len(self.norms) - 1:
                x = nn.functional.max_pool2d(x, 2, stride=(1, 2), dilation=(step, 1))
                step *= 2
        dense = nn.functional.conv2d(x, self.dense.weight, self.dense.bias, dilation=(step, 1))
        return dense[:, :, :, 0].transpose(1, 2)


class PairMlp(nn.Module):
    """Two semigrams (..., 88) to the logit that they match: one hidden layer over both, side by side."""

    def __init__(self, n_features: int = 88, hidden: int = 64) -> None:
        super().__init__()
        self.config = {"n_features": n_features, "hidden": hidden}
        self.first = nn.Linear(n_features, hidden)
        self.second = nn.Linear(n_features, hidden, bias=False)
        self.out = nn.Linear(hidden, 1)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Logits (...), positive for a match."""
        return self.out(torch.tanh(self.first(first) + self.second(second)))[..., 0]


def distance(first: Tensor, second: Tensor) -> Tensor:
    """D_W, equation (2): Euclidean distance of embeddings (..., n), with a gradient also where they are equal."""
    return torch.sqrt(torch.sum((first - second) ** 2, dim=-1) + 1e-12)


def contrastive_loss(first: Tensor, second: Tensor, different: Tensor, margin: float = MARGIN) -> Tensor:
    """Equation (1): (1 - Y) D^2 / 2 + Y max(0, m - D)^2 / 2, meaned; different: Y, 0 for a match, else 1."""
    d = distance(first, second)
    return torch.mean((1 - different) * d**2 / 2 + different * torch.clamp(margin - d, min=0) ** 2 / 2)


def time_contrast(first: Tensor, second: Tensor, place: Tensor, sharpness: Tensor, width: float = 1.0) -> Tensor:
    """Cross-entropy (batch, frame) of finding each frame of `first` among all frames of `second`.

    first (batch, frame, n), second (batch, other, n): embeddings; place (batch, frame): where in `second` each frame
    belongs, in frames; the label is a Gaussian of `width` frames about it. So all other instants are negatives, the
    nearest ones too (van den Oord et al., "Contrastive predictive coding", 2018, equation 4).
    """
    logits = sharpness * torch.einsum("bin,bjn->bij", first, second)
    steps = torch.arange(second.shape[1], device=second.device)
    label = torch.softmax(-0.5 * ((steps - place[..., None]) / width) ** 2, dim=-1)
    return -(label * torch.log_softmax(logits, dim=-1)).sum(-1)
