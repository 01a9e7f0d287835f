"""A whole recording that can be read more than once, block by block: a file, or samples in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.audio.files import AudioReader
from engine.core.errors import ShapeError
from engine.core.format import AudioFormat

__all__ = ["BLOCK", "Recording"]

BLOCK = 1 << 16

Audio = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """A recording.

    source: a file, or samples (sample, channel) at the rate of `format`
    format: rate and channels
    n_samples: length
    shortfalls: what is to say of a file that was cut off, once it has been read
    """

    source: Path | Audio
    format: AudioFormat
    n_samples: int
    shortfalls: set[str] = field(default_factory=set)

    @classmethod
    def open(cls, path: str | Path) -> Recording:
        """Open a file; AudioFileError if it is not audio."""
        with AudioReader(path) as reader:
            return cls(Path(path), reader.format, reader.n_samples)

    @classmethod
    def of(cls, samples: Audio, sample_rate: int) -> Recording:
        """Wrap samples (sample, channel) at sample_rate, Hz."""
        if samples.ndim != 2 or not len(samples):
            raise ShapeError("recording", expected="(sample, channel), not empty", got=str(samples.shape))
        audio = AudioFormat(sample_rate=sample_rate, n_channels=samples.shape[1])
        return cls(np.asarray(samples, np.float32), audio, len(samples))

    @property
    def name(self) -> str:
        """Return the name of the file, for messages."""
        return str(self.source) if isinstance(self.source, Path) else "recording"

    @property
    def seconds(self) -> float:
        """Return the duration."""
        return self.format.seconds(self.n_samples)

    def blocks(self, *, silence: int = 0) -> Iterator[Audio]:
        """Yield all samples in blocks (sample, channel), then `silence` samples of silence."""
        if isinstance(self.source, Path):
            with AudioReader(self.source) as reader:
                yield from reader.blocks(BLOCK)
                if reader.shortfall:
                    self.shortfalls.add(reader.shortfall)
        else:
            for start in range(0, self.n_samples, BLOCK):
                yield self.source[start : start + BLOCK]
        if silence:
            yield np.zeros((silence, self.format.n_channels), np.float32)
