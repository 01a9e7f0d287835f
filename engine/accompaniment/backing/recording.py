"""A recording in memory, 16 bits a sample with a scale for each chunk: half as large as float32, CDs bit by bit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.audio.files import AudioReader
from engine.core.arrays import F32, I16
from engine.core.format import AudioFormat
from engine.dsp.resample import ResampleConfig, Resampler
from engine.dsp.sanitise import LIMIT

__all__ = ["BackingRecording", "load_backing"]

SHIFT = 14
CHUNK = 1 << SHIFT  # samples of one scale: a third of a second
STEPS = 1 << 15

Audio = npt.NDArray[np.float32]


@njit(nogil=True, cache=True)
def unpack_samples(packed: I16, scales: F32, start: int, out: F32) -> None:
    """Fill out (sample, channel) from sample `start` on; silence beyond both ends."""
    for i in range(len(out)):
        at = start + i
        inside = 0 <= at < len(packed)
        for c in range(out.shape[1]):
            out[i, c] = packed[at, c] * scales[at >> SHIFT] if inside else np.float32(0)


class BackingRecording:
    """Samples that can be read anywhere.

    audio: their format
    blocks: (sample, channel), one after the other

    Every chunk of 16384 samples has a scale of its own, a power of two, so that nothing clips, 16-bit recordings are
    kept exactly, and quiet passages of finer ones are kept finer.
    """

    def __init__(self, audio: AudioFormat, blocks: Iterable[Audio]) -> None:
        self.audio = audio
        packed, scales = [np.zeros((0, audio.n_channels), np.int16)], [np.float32(1)]
        for chunk in _chunks(blocks, audio.n_channels):
            scale = _scale(chunk)
            packed.append(np.clip(np.rint(chunk / scale), -STEPS, STEPS - 1).astype(np.int16))
            scales.append(scale)
        self._packed, self._scales = np.concatenate(packed), np.array(scales[1:] or scales, np.float32)

    def __len__(self) -> int:
        return len(self._packed)

    def read(self, start: int, out: Audio) -> None:
        """Fill out (sample, channel) from sample `start` on; silence beyond both ends."""
        unpack_samples(self._packed, self._scales, start, out)


def _chunks(blocks: Iterable[Audio], n_channels: int) -> Iterator[Audio]:
    """Cut blocks into chunks."""
    kept = np.zeros((0, n_channels), np.float32)
    for block in blocks:
        kept = np.concatenate([kept, np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0)])
        while len(kept) >= CHUNK:
            yield kept[:CHUNK]
            kept = kept[CHUNK:]
    if len(kept):
        yield kept


def _scale(chunk: Audio) -> np.float32:
    """Return the smallest power of two by which all samples fit in 16 bits."""
    peak = min(max(float(np.abs(chunk).max()), 1.0 / STEPS), LIMIT)
    scale = 2.0 ** np.ceil(np.log2(peak)) / STEPS
    return np.float32(scale if chunk.max() <= scale * (STEPS - 1) else 2 * scale)


def load_backing(path: Path, audio: AudioFormat) -> BackingRecording:
    """Read a recording at the rate and with the channels of `audio`. AudioFileError if it cannot be read."""
    with AudioReader(path) as reader:
        blocks = (_spread(block, audio.n_channels) for block in reader.blocks())
        rate = reader.format.sample_rate
        return BackingRecording(audio, blocks if rate == audio.sample_rate else _resampled(blocks, rate, audio))


def _spread(block: Audio, n_channels: int) -> Audio:
    """Return a block with so many channels: as it is, or their mean on each of the first two."""
    if block.shape[1] == n_channels:
        return block
    mean = block.mean(axis=1, keepdims=True)
    return np.pad(np.repeat(mean, min(n_channels, 2), 1), ((0, 0), (0, max(n_channels - 2, 0))))


def _resampled(blocks: Iterable[Audio], rate: int, audio: AudioFormat) -> Iterator[Audio]:
    """Convert to the rate of `audio`, without the delay of the filter."""
    config = ResampleConfig(source_rate=rate, target_rate=audio.sample_rate, n_channels=audio.n_channels)
    resampler = Resampler(config)
    skip = resampler.latency
    silence = np.zeros(((skip + 1) * config.down // config.up + config.down, audio.n_channels), np.float32)
    n_source = n_given = 0
    for block in chain(blocks, [silence]):
        n_source += 0 if block is silence else len(block)
        out = resampler.process(block)
        kept = out[min(skip, len(out)) :][: n_source * config.up // config.down - n_given]
        skip -= min(skip, len(out))
        n_given += len(kept)
        yield kept.copy()
