"""Align embeddings, each at a rate of its own, with the steps of the sound event networks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from engine.core.format import AudioFormat
from engine.detection.embedding import Embedding, EmbeddingConfig

__all__ = ["EmbeddingAlignment"]

Audio = npt.NDArray[np.float32]


class EmbeddingAlignment:
    """Provide the newest vector of each embedding at each of the last `n_steps`: `inputs`, (step, dimension) by name.

    A step gets the last vector that was complete when the step was; zeros before the first vector.
    """

    def __init__(self, embeddings: Mapping[str, EmbeddingConfig], audio: AudioFormat, n_steps: int) -> None:
        self._nodes = {name: Embedding(config, audio) for name, config in embeddings.items()}
        self._rows = {name: np.zeros((n_steps, of.dimension), np.float32) for name, of in embeddings.items()}
        self._kept: dict[str, npt.NDArray[np.float32]] = {}
        self._first: dict[str, int] = {}  # index of the first vector that is kept
        self.reset()

    @property
    def inputs(self) -> dict[str, npt.NDArray[np.float32]]:
        """Return the network inputs other than the log-mel, borrowed."""
        return self._rows

    def process(self, block: Audio) -> None:
        """Compute the embeddings of the block."""
        for name, node in self._nodes.items():
            if len(new := node.process(block)):
                self._kept[name] = np.concatenate([self._kept[name], new])

    def step(self, n_samples: int) -> None:
        """Add the step that is complete after `n_samples` input samples."""
        for name, node in self._nodes.items():
            rows, kept = self._rows[name], self._kept[name]
            rows[:-1] = rows[1:].copy()
            newest = node.n_ready(n_samples) - 1 - self._first[name]
            rows[-1] = kept[newest] if newest >= 0 else 0
            if newest > 0:
                self._kept[name] = kept[newest:]
                self._first[name] += newest

    def reset(self) -> None:
        """Reset to the initial state."""
        for name, node in self._nodes.items():
            node.reset()
            self._rows[name][:] = 0
            self._kept[name] = np.zeros((0, node.config.dimension), np.float32)
            self._first[name] = 0
