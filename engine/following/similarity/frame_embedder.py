"""Embed each frame by a trained Siamese convolutional network: audio to rows whose distances are those of the network.

Agrawal & Dixon, "Learning Frame Similarity using Siamese networks for Audio-to-Score Alignment" (2020). A Siamese
network is one tower for both sides and the Euclidean distance D_W of its outputs, equation (2). So the tower runs once
a frame, and a cell of the matrix costs one difference of two rows, in the warping itself, where it is needed.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.core.config import Settings, plain
from engine.core.errors import ModelError
from engine.core.format import AudioFormat
from engine.dsp.stft import grown
from engine.following.salience import ALL_FRONT_ENDS, any_front_end
from engine.following.similarity.planes import PLANE_ROWS, PLANES, RunningPlanes
from engine.inference.network import Network

__all__ = ["SIAMESE_CNN", "FrameEmbedder", "FrameEmbedderConfig", "cnn_metadata"]

Audio = npt.NDArray[np.float32]
Features = npt.NDArray[np.float32]

SIAMESE_CNN = "siamese-cnn"  # kind of the file
WEIGHT_S = 1.0  # of typical sound, which the level of a stream begins with
MAX_AHEAD, MAX_AROUND = 1 << 10, 1 << 10


def cnn_metadata(
    *, feature: str, ahead: int, around: int, level: tuple[float, float], n_embedding: int
) -> dict[str, object]:
    """Return the metadata that an ONNX file for `FrameEmbedder` must carry.

    feature: one of ALL_FRONT_ENDS
    ahead, around: frames of a window after the one that is compared, and besides it
    level: mean and standard deviation of the feature's rows in typical sound
    """
    return {
        "kind": SIAMESE_CNN,
        "feature": feature,
        "ahead": ahead,
        "around": around,
        "level": list(level),
        "n_embedding": n_embedding,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameEmbedderConfig(Settings):
    """Settings of the embedding by a convolutional network."""

    model: Path = plain(MISSING, "ONNX file of the network")
    salience: Path | None = plain(None, "ONNX file of the salience that it compares, if it does")


class FrameEmbedder:
    """Audio (sample, channel) in, embeddings (frame, D) out, every 23 ms.

    The network is run frame by frame, so its output never depends on the block sizes of the input. Frame t describes
    input sample `centre(t)`. Raises ModelError if the file is not such a network.
    """

    def __init__(self, config: FrameEmbedderConfig, audio: AudioFormat) -> None:
        self.config, self.audio = config, audio
        self.network = Network(config.model, SIAMESE_CNN)
        self.ahead = _whole(self.network, "ahead", MAX_AHEAD)
        self._around = _whole(self.network, "around", MAX_AROUND)
        self.n_features: int = self.network.value("n_embedding", int)
        self.network.expect_shapes({"planes": (None, PLANES, PLANE_ROWS)})
        self._front = any_front_end(_feature(self.network), audio, weights=config.salience)
        self.hop = self._front.hop
        mean, scale = _level(self.network)
        weight = WEIGHT_S * audio.sample_rate / self.hop
        self._planes = RunningPlanes(self._front.n_features, mean, scale, weight)
        self._out = np.zeros((0, self.n_features), np.float32)
        self.reset()

    @property
    def latency(self) -> int:
        """Return the samples from the instant that a frame describes to its emission."""
        return self._front.latency + self.ahead * self.hop

    def centre(self, frame: int) -> int:
        """Return the input sample that frame `frame` describes, negative for the first few."""
        return self._front.centre(frame - self.ahead)

    def process(self, block: Audio) -> Features:
        """Return the embeddings of the frames that the block completes, borrowed until the next call."""
        planes = self._planes.process(self._front.process(block))
        self._out = grown(self._out, len(planes))
        for t in range(len(planes)):
            self._out[t] = self._embed(planes[t : t + 1])[0]
        return self._out[: len(planes)]

    def reset(self) -> None:
        """Return to the state after construction: silence before the stream."""
        self._front.reset()
        self._planes.reset()
        self.network.reset()
        self._embed(self._planes.quiet(self._around))

    def _embed(self, planes: Features) -> Features:
        out: Features = self.network.run({"planes": planes})["embedding"]
        if out.shape != (len(planes), self.n_features):
            raise ModelError(self.network.path, expected=f"{self.n_features} numbers a frame", got=str(out.shape))
        return out


def _feature(network: Network) -> str:
    name = str(network.value("feature", str))
    if name not in ALL_FRONT_ENDS:
        raise ModelError(network.path, expected=f"feature one of {', '.join(ALL_FRONT_ENDS)}", got=name[:60])
    return name


def _whole(network: Network, name: str, most: int) -> int:
    number = int(network.value(name, int))
    if not 0 <= number <= most:
        raise ModelError(network.path, expected=f"{name} from 0 to {most}", got=str(number))
    return number


def _level(network: Network) -> tuple[float, float]:
    found = network.value("level", list)
    right = len(found) == 2 and all(isinstance(x, float | int) and np.isfinite(x) for x in found)
    if not right or found[1] <= 0:
        raise ModelError(network.path, expected="level: mean and positive deviation", got=str(found)[:60])
    return float(found[0]), float(found[1])
