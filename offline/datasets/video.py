"""Pretrained embeddings of pictures, from the frames of video files, for offline use.

The network maps a picture to a vector. NAME.toml beside NAME.onnx describes it: `height` and `width` (pixels),
`dimension`, `fps` (frames a second that are used), `layout` ("nchw" or "nhwc"), and `mean` and `deviation`, three
numbers each for red, green and blue of 0 to 255.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from engine.core.config import Settings, check, choice, from_mapping, plain, ranged, require
from engine.core.errors import AudioFileError, ConfigError, ModelError
from engine.inference.network import open_session

__all__ = ["Visual", "VisualConfig", "read_soundtrack", "read_visual"]

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class VisualConfig(Settings):
    """A network that embeds pictures, as its card describes it."""

    model: Path = plain(MISSING, "ONNX file")
    height: int = ranged(MISSING, 1, 65_536, "height of a picture", unit="pixels")
    width: int = ranged(MISSING, 1, 65_536, "width of a picture", unit="pixels")
    dimension: int = ranged(MISSING, 1, 65_536, "numbers in a vector")
    fps: float = ranged(15.0, 0.1, 240, "pictures looked at", unit="1/s")
    layout: str = choice("nchw", ("nchw", "nhwc"), "order of batch, colour, row and column")
    mean: tuple[float, ...] = plain((0.0, 0.0, 0.0), "subtracted from red, green and blue of 0 to 255")
    deviation: tuple[float, ...] = plain((255.0, 255.0, 255.0), "divisor of red, green and blue")

    def __post_init__(self) -> None:
        check(self)
        require("numbers of mean and deviation", min(len(self.mean), len(self.deviation)), 3, 3)


def read_visual(model: Path) -> VisualConfig:
    """Read the settings of `model` from the TOML file beside it; ConfigError says what it lacks."""
    card = model.with_suffix(".toml")
    names = {field.name for field in fields(VisualConfig)} - {"model"}
    try:
        values = {k: v for k, v in tomllib.loads(card.read_text(encoding="utf-8")).items() if k in names}
        lists = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return from_mapping(VisualConfig, {"model": model, **lists})
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(str(card), expected="height, width, dimension", got=str(error)) from error


class Visual:
    """Vectors of a video's frames."""

    def __init__(self, config: VisualConfig) -> None:
        self.config = config
        self._session = open_session(config.model)
        self._input = self._session.get_inputs()[0].name

    def steps(self, path: Path, ends_s: npt.NDArray[np.float64]) -> Vectors:
        """Return (step, dimension): the vector of the newest frame before each step ends, at `ends_s`, at first zeros.

        AudioFileError if the file has no readable pictures.
        """
        out = np.zeros((len(ends_s), self.config.dimension), np.float32)
        for at_s, picture in self._looked_at(path):
            out[ends_s >= at_s] = self._vector(picture)
        return out

    def _looked_at(self, path: Path) -> Iterator[tuple[float, npt.NDArray[np.uint8]]]:
        """Yield time, s, and picture (row, column, 3), at most `fps` a second."""
        due_s = -1e9
        for frame in _frames(path):
            at_s = float(frame.time or 0.0)
            if at_s >= due_s:
                due_s = max(due_s + 1 / self.config.fps, at_s)
                scaled = frame.reformat(width=self.config.width, height=self.config.height, format="rgb24")
                yield at_s, scaled.to_ndarray()

    def _vector(self, picture: npt.NDArray[np.uint8]) -> Vectors:
        values = (picture.astype(np.float32) - self.config.mean) / np.asarray(self.config.deviation)
        if self.config.layout == "nchw":
            values = values.transpose(2, 0, 1)
        out = np.asarray(self._session.run(None, {self._input: values[None].astype(np.float32)})[0], np.float32)
        if out.size != self.config.dimension:
            expected = f"one vector of {self.config.dimension}"
            raise ModelError(str(self.config.model), expected=expected, got=f"{out.size} numbers")
        return np.nan_to_num(out.ravel(), nan=0.0, posinf=0.0, neginf=0.0)


def read_soundtrack(path: Path, sample_rate: int) -> npt.NDArray[np.float32]:
    """Return the sound of a video file, mono (sample) at sample_rate Hz; AudioFileError if it has none."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=sample_rate)
    try:
        with av.open(str(path)) as container:
            parts = [p.to_ndarray() for frame in container.decode(audio=0) for p in resampler.resample(frame)]
        parts += [p.to_ndarray() for p in resampler.resample(None)]
    except (av.FFmpegError, OSError, IndexError, ValueError) as error:
        raise AudioFileError(str(path), expected="a file with sound", got=str(error)[:100]) from error
    out: npt.NDArray[np.float32] = np.concatenate(parts, axis=1)[0].astype(np.float32)
    return out


def _frames(path: Path) -> Iterator[Any]:
    try:
        with av.open(str(path)) as container:
            yield from container.decode(video=0)
    except (av.FFmpegError, OSError, IndexError, ValueError) as error:
        raise AudioFileError(str(path), expected="a file with pictures", got=str(error)[:100]) from error
