"""YAMNet (Plakal & Ellis, 2019), rebuilt so that its published variables can be exported in ONNX.

Log-mel of 64 bands and a MobileNet of separable convolutions (Howard et al. 2017), trained on AudioSet. The embedding
is the mean of its last layer, 1,024 numbers; from it a dense layer scores 521 classes. Weights and code are under
Apache-2.0.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.core.errors import ModelError
from engine.detection.front_end import WindowFrontEnd

__all__ = [
    "DIMENSION",
    "SAMPLE_RATE",
    "WINDOW",
    "YAMNET_FRONT_END",
    "Yamnet",
    "YamnetScores",
    "yamnet",
    "yamnet_classes",
    "yamnet_scores",
]

SAMPLE_RATE = 16000
FRAME, HOP, N_FFT, N_MELS = 400, 160, 512, 64
LOWEST_HZ, HIGHEST_HZ = 125.0, 7500.0
FLOOR = 1e-3  # added before the logarithm
N_FRAMES = 96
WINDOW = FRAME + (N_FRAMES - 1) * HOP  # samples: 0.975 s
EPSILON = 1e-4  # of the batch norms
DIMENSION = 1024
# (stride, filters) of the separable convolutions after the first plain one of 32 filters and stride 2.
LAYERS = ((1, 64), (2, 128), (1, 128), (2, 256), (1, 256), (2, 512), *((1, 512),) * 5, (2, 1024), (1, 1024))

DENSE = 54  # number of the layer that scores
CLASS_MAP = Path("assets") / "yamnet_class_map.csv"  # in the folder of its SavedModel
YAMNET_FRONT_END = WindowFrontEnd(
    sample_rate=SAMPLE_RATE,
    frame=FRAME,
    hop=HOP,
    n_fft=N_FFT,
    n_mels=N_MELS,
    low_hz=LOWEST_HZ,
    high_hz=HIGHEST_HZ,
    scale="htk",
    norm="peak",
    power=1,
    offset=FLOOR,
    frames=N_FRAMES,
    step=N_FRAMES // 2,
)

Arrays = Mapping[str, npt.NDArray[np.float32]]


class _Convolution(nn.Module):
    """Convolution with its batch norm folded in, then ReLU; padded on the right first, like TensorFlow."""

    def __init__(self, weight: Tensor, bias: Tensor, stride: int, groups: int) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)
        self.weight: Tensor
        self.bias: Tensor
        self.stride, self.groups = stride, groups
        around = weight.shape[-1] // 2
        self.padding = (around - (stride - 1), around) * 2  # every input here is even

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(F.conv2d(F.pad(x, self.padding), self.weight, self.bias, self.stride, groups=self.groups))


class Yamnet(nn.Module):
    """audio (1, `WINDOW` samples at 16 kHz) -> (1, 1024)."""

    def __init__(self, layers: nn.Sequential) -> None:
        super().__init__()
        self.layers = layers
        self.register_buffer("fourier", _fourier())
        self.register_buffer("mel", _mel())
        self.fourier: Tensor
        self.mel: Tensor

    def log_mel(self, audio: Tensor) -> Tensor:
        """Compute log-mel (batch, frame, mel) of audio (batch, sample)."""
        parts = F.conv1d(audio[:, None], self.fourier, stride=HOP)
        real, imaginary = parts.chunk(2, dim=1)
        magnitude = (real**2 + imaginary**2).sqrt()
        return (magnitude.transpose(1, 2) @ self.mel + FLOOR).log()

    def forward(self, audio: Tensor) -> Tensor:
        """Compute the embedding (batch, 1024) of audio (batch, sample)."""
        features: Tensor = self.layers(self.log_mel(audio)[:, None])
        return features.mean((2, 3))


class YamnetScores(nn.Module):
    """log-mel (`N_FRAMES`, mel) -> probabilities (1, class)."""

    def __init__(self, layers: nn.Sequential, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.layers = layers
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)
        self.weight: Tensor
        self.bias: Tensor

    def forward(self, mel: Tensor) -> Tensor:
        """Score a window."""
        return torch.sigmoid(self.layers(mel[None, None]).mean((2, 3)) @ self.weight + self.bias)


def yamnet_scores(variables: Arrays, n_classes: int, where: Path) -> YamnetScores:
    """Build the network with its last layer; ModelError as of `yamnet`."""
    found = _by_layer(variables)
    weight = _variable(found, DENSE, "kernel", (DIMENSION, n_classes), where)
    bias = _variable(found, DENSE, "bias", (n_classes,), where)
    parts = (torch.from_numpy(np.array(each, np.float32)) for each in (weight, bias))
    return YamnetScores(_layers(found, where), *parts).eval()


def yamnet_classes(folder: Path) -> list[str]:
    """Read the names of the classes that lie beside the variables; ModelError if they do not."""
    path = folder / CLASS_MAP
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            names = [row["display_name"] for row in csv.DictReader(lines)]
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(str(path), expected="YAMNet's list of classes", got=str(error)[:100]) from error
    if not names or len(set(names)) < len(names):
        raise ModelError(str(path), expected="different names of classes", got=f"{len(names)} rows")
    return names


def _fourier() -> Tensor:
    """Make the filters of a windowed Fourier transform, (2 * bin, 1, FRAME): cosines, then sines."""
    n = np.arange(FRAME)
    angle = 2 * np.pi * np.outer(np.arange(N_FFT // 2 + 1), n) / N_FFT
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * n / FRAME)
    return torch.from_numpy((np.concatenate([np.cos(angle), -np.sin(angle)]) * hann)[:, None].astype(np.float32))


def _mel() -> Tensor:
    """Make triangular filters (bin, mel), linear in mel, of peak 1; the constant bin has no weight."""
    mel = 1127 * np.log1p(np.arange(N_FFT // 2 + 1) * SAMPLE_RATE / N_FFT / 700)[:, None]
    lowest, highest = 1127 * np.log1p(np.array([LOWEST_HZ, HIGHEST_HZ]) / 700)
    edges = np.linspace(lowest, highest, N_MELS + 2)
    low, top, high = edges[:-2], edges[1:-1], edges[2:]
    weights = np.maximum(0, np.minimum((mel - low) / (top - low), (high - mel) / (high - top)))
    weights[0] = 0
    return torch.from_numpy(weights.astype(np.float32))


def yamnet(variables: Arrays, where: Path) -> Yamnet:
    """Build the network from the variables of its SavedModel; ModelError if one is missing or of another shape."""
    return Yamnet(_layers(_by_layer(variables), where)).eval()


def _by_layer(variables: Arrays) -> dict[int, dict[str, npt.NDArray[np.float32]]]:
    """Sort the variables by the number of their layer, and name."""
    found: dict[int, dict[str, npt.NDArray[np.float32]]] = {}
    for name, array in variables.items():
        path, _, rest = name.partition("/.ATTRIBUTES/VARIABLE_VALUE")
        parts = path.rpartition("layer_with_weights-")[2].split("/")
        if not rest and len(parts) == 2 and parts[0].isdigit():
            found.setdefault(int(parts[0]), {})[parts[1]] = array
    return found


def _layers(found: Mapping[int, Arrays], where: Path) -> nn.Sequential:
    """Build the convolutions."""
    layers: list[nn.Module] = [_convolution(found, 0, (3, 3, 1, 32), 2, where)]
    n_in = 32
    for i, (stride, n_out) in enumerate(LAYERS):
        layers.append(_convolution(found, 4 * i + 2, (3, 3, n_in, 1), stride, where))
        layers.append(_convolution(found, 4 * i + 4, (1, 1, n_in, n_out), 1, where))
        n_in = n_out
    return nn.Sequential(*layers)


def _convolution(
    found: Mapping[int, Arrays], number: int, shape: tuple[int, ...], stride: int, where: Path
) -> _Convolution:
    """Build layer `number` of a shape (height, width, in, out or multiplier), with the batch norm after it."""
    depthwise = shape[3] == 1
    n_out = shape[2] if depthwise else shape[3]
    kernel = _variable(found, number, "depthwise_kernel" if depthwise else "kernel", shape, where)
    beta, mean, variance = (
        _variable(found, number + 1, name, (n_out,), where) for name in ("beta", "moving_mean", "moving_variance")
    )
    scale = 1 / np.sqrt(variance.astype(np.float64) + EPSILON)
    weight = kernel.transpose((2, 3, 0, 1) if depthwise else (3, 2, 0, 1)) * scale[:, None, None, None]
    bias = beta - mean * scale
    weights, biases = (torch.from_numpy(np.ascontiguousarray(values, np.float32)) for values in (weight, bias))
    return _Convolution(weights, biases, stride, n_out if depthwise else 1)


def _variable(
    found: Mapping[int, Arrays], number: int, name: str, shape: tuple[int, ...], where: Path
) -> npt.NDArray[np.float32]:
    array = found.get(number, {}).get(name)
    if array is None or array.shape != shape or not np.isfinite(array).all():
        got = "none" if array is None else f"{array.shape}" if array.shape != shape else "NaN or Inf"
        raise ModelError(str(where), expected=f"YAMNet: {name} of layer {number}, of shape {shape}", got=got)
    return array
