"""Compute pretrained embeddings of the audio with any ONNX file, as further inputs of a sound event network.

The file takes a window of audio, (sample) or (1, sample) float32, and returns one vector. It is described in NAME.toml
beside NAME.onnx: `sample_rate` (Hz), `window` and `hop` (samples at that rate) and `dimension`.
"""

from __future__ import annotations

import tomllib
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.core.config import Settings, check, from_mapping, plain, ranged, require
from engine.core.errors import ConfigError, ModelError
from engine.core.format import AudioFormat
from engine.dsp.resample import ResampleConfig, Resampler
from engine.dsp.sanitise import as_block
from engine.inference.network import open_session

__all__ = ["Embedding", "EmbeddingConfig", "read_embedding"]

Audio = npt.NDArray[np.float32]
Vectors = npt.NDArray[np.float32]
FIELDS = ("sample_rate", "window", "hop", "dimension")


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingConfig(Settings):
    """An embedding network and what its card says of it."""

    model: Path = plain(MISSING, "ONNX file of the network")
    sample_rate: int = ranged(MISSING, 1000, 192_000, "sample rate of its input", unit="Hz")
    window: int = ranged(MISSING, 1, 1 << 24, "length of its input", unit="samples")
    hop: int = ranged(MISSING, 1, 1 << 24, "hop between windows, at most a window", unit="samples")
    dimension: int = ranged(MISSING, 1, 65_536, "length of a vector")

    def __post_init__(self) -> None:
        check(self)
        require("hop", self.hop, 1, self.window)


def read_embedding(model: Path) -> EmbeddingConfig:
    """Read the settings of `model` from the TOML file beside it; ConfigError lists what is missing."""
    card = model.with_suffix(".toml")
    try:
        values = tomllib.loads(card.read_text(encoding="utf-8"))
        return from_mapping(EmbeddingConfig, {"model": model, **{name: values[name] for name in FIELDS}})
    except (OSError, ValueError, KeyError) as error:
        remedy = "write these four as NAME = NUMBER, a line each"
        raise ConfigError(str(card), expected=", ".join(FIELDS), got=str(error), remedy=remedy) from error


class Embedding:
    """Take audio (sample, channel), return vectors (frame, dimension), one every `hop` samples of the network's rate.

    Vector j covers the `window` samples that end with sample (j + 1) * hop at that rate, with silence before the first.
    Channels are averaged. ModelError if the file's input or output does not match its card.
    """

    def __init__(self, config: EmbeddingConfig, audio: AudioFormat) -> None:
        self.config, self.audio = config, audio
        self._session = open_session(config.model)
        self._input = _window_input(self._session, config)
        self._resampling = ResampleConfig(
            source_rate=audio.sample_rate, target_rate=config.sample_rate, n_channels=audio.n_channels
        )
        same = audio.sample_rate == config.sample_rate
        self._resampler = None if same else Resampler(self._resampling)
        self._line = np.zeros(config.window, np.float32)
        self._out = np.zeros((0, config.dimension), np.float32)
        self._fill = 0
        self._vector()
        self.reset()

    @property
    def latency(self) -> int:
        """Return the most input samples by which a vector lags the end of its window: the resampler's delay."""
        up, down = self._resampling.up, self._resampling.down
        return max(-(-self.config.hop * j * down // up) - self.end(j - 1) for j in range(1, up + 1))

    def end(self, vector: int) -> int:
        """Return the input sample where a vector's window ends."""
        delay = 0 if self._resampler is None else self._resampler.latency
        return ((vector + 1) * self.config.hop - delay) * self._resampling.down // self._resampling.up

    def n_ready(self, n_samples: int) -> int:
        """Return how many vectors are complete after `n_samples` input samples."""
        return n_samples * self._resampling.up // self._resampling.down // self.config.hop

    def process(self, block: Audio) -> Vectors:
        """Return the vectors whose last sample is in the block; borrowed."""
        block = as_block("Embedding", block, np.float32, (self.audio.n_channels,))
        resampled = block if self._resampler is None else self._resampler.process(block)
        mono = np.nan_to_num(resampled, nan=0.0, posinf=0.0, neginf=0.0).mean(1)
        hop, start, n = self.config.hop, 0, 0
        room = (self._fill + len(mono)) // hop
        if len(self._out) < room:
            self._out = np.zeros((room, self.config.dimension), np.float32)
        while start < len(mono):
            taken = min(hop - self._fill, len(mono) - start)
            self._line = np.concatenate([self._line[taken:], mono[start : start + taken]])
            start, self._fill = start + taken, self._fill + taken
            if self._fill == hop:
                self._fill = 0
                self._out[n] = self._vector()
                n += 1
        return self._out[:n]

    def reset(self) -> None:
        """Reset to the initial state."""
        if self._resampler is not None:
            self._resampler.reset()
        self._line[:] = 0
        self._fill = 0

    def _vector(self) -> Vectors:
        name, shape = self._input
        out = np.asarray(self._session.run(None, {name: self._line.reshape(shape)})[0], np.float32).ravel()
        if out.shape != (self.config.dimension,):
            expected = f"one vector of {self.config.dimension}"
            raise ModelError(str(self.config.model), expected=expected, got=f"{out.size} numbers")
        return np.nan_to_num(out, nan=0.0, posinf=0.0, neginf=0.0)


def _window_input(session: Any, config: EmbeddingConfig) -> tuple[str, tuple[int, ...]]:
    """Return the name of the only input, and the shape in which it takes a window."""
    given = session.get_inputs()
    if len(given) != 1 or not _takes(given[0].shape, config.window):
        got = ", ".join(f"{x.name} {x.shape}" for x in given)
        expected = f"one input of {config.window} samples"
        raise ModelError(str(config.model), expected=expected, got=got)
    return given[0].name, (1,) * (len(given[0].shape) - 1) + (config.window,)


def _takes(shape: list[Any], window: int) -> bool:
    """Return whether an input of this shape takes one window: its last axis has that length, or any length."""
    return len(shape) in (1, 2) and (shape[-1] == window or not isinstance(shape[-1], int))
