"""Convert between two sample rates block by block, with a linear-phase polyphase windowed-sinc filter.

If device and engine differ in sample rate, this runs twice in the live path, so its latency counts: a streaming soxr
emits its output 18 to 22 ms late (44.1 to 48 kHz, any quality from MQ on), in bursts; this one under 1 ms, evenly.
"""

from __future__ import annotations

import math
from dataclasses import MISSING, dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.core.arrays import F32
from engine.core.config import Settings, check, ranged
from engine.core.errors import ConfigError
from engine.core.fixed_kernel import FixedKernel
from engine.dsp.sanitise import LIMIT, as_block, clean

__all__ = ["ResampleConfig", "Resampler"]

MAX_PHASES = 1 << 16  # of 64 taps: 16 MB
PASS_BAND = 0.907  # share of the lower rate's half: 20 kHz of 44.1 kHz; from it to its mirror image may alias
STOP_BAND_DB = 100.0

Audio = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResampleConfig(Settings):
    """Settings of a resampler."""

    source_rate: int = ranged(MISSING, 1000, 384_000, "sample rate of the input", unit="Hz")
    target_rate: int = ranged(MISSING, 1000, 384_000, "sample rate of the output", unit="Hz")
    n_channels: int = ranged(MISSING, 1, 64, "number of channels")

    def __post_init__(self) -> None:
        check(self)
        if self.up > MAX_PHASES:
            ratio = f"{self.source_rate} to {self.target_rate} Hz"
            raise ConfigError("resampler", expected="rates with a common factor", got=ratio, remedy="use a usual rate")

    @property
    def up(self) -> int:
        """Return the target rate's part of the reduced ratio."""
        return self.target_rate // math.gcd(self.source_rate, self.target_rate)

    @property
    def down(self) -> int:
        """Return the source rate's part of the reduced ratio."""
        return self.source_rate // math.gcd(self.source_rate, self.target_rate)

    @property
    def n_taps(self) -> int:
        """Return the source samples used for one target sample, even, by Kaiser's estimate of the length."""
        lower = min(self.source_rate, self.target_rate)
        transition = 2 * math.pi * (1 - PASS_BAND) * lower / self.source_rate
        return 2 * math.ceil((STOP_BAND_DB - 8) / (2.285 * transition) / 2)

    @property
    def latency(self) -> int:
        """Return the latency, samples of the output.

        After n samples in, sample floor(n up / down) - 1 + latency is emitted; half its taps lie after its own
        position.
        """
        return self.n_taps // 2 * self.up // self.down


def design(config: ResampleConfig) -> Audio:
    """Return the filter's phases (phase, tap).

    Phase p computes a target sample p / up source samples after a source sample. Kaiser-windowed sinc (Kaiser 1974),
    cutoff at half the lower rate, each phase scaled to unit gain at 0 Hz.
    """
    n, up = config.n_taps, config.up
    beta = 0.1102 * (STOP_BAND_DB - 8.7)
    position = np.arange(n)[None, :] - (n // 2 - 1) - np.arange(up)[:, None] / up
    cutoff = min(1.0, config.target_rate / config.source_rate)
    window = np.i0(beta * np.sqrt(np.maximum(0.0, 1 - (position / (n / 2)) ** 2))) / np.i0(beta)
    taps = np.sinc(cutoff * position) * window
    return np.ascontiguousarray(taps / taps.sum(axis=1, keepdims=True), np.float32)


@njit(nogil=True, cache=True)
def _append(line: F32, held: int, block: F32) -> None:
    """Append the block (sample, channel) after the `held` samples of the line; invalid values become silence."""
    for i in range(block.shape[0]):
        for channel in range(block.shape[1]):
            line[channel, held + i] = clean(block[i, channel], LIMIT)


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})
def _filter(line: F32, taps: F32, first: int, down: int, out: F32) -> None:
    """Write out[k, c] = sum_j taps[p, j] line[c, s + j] with s * up + p = first + k * down.

    line: (channel, sample)
    """
    up, n = taps.shape
    start, phase = divmod(first, up)
    whole, part = divmod(down, up)
    for k in range(out.shape[0]):
        row = taps[phase]
        for channel in range(line.shape[0]):
            samples = line[channel, start : start + n]  # a view, so that the loop needs no check for negative indices
            total = np.float32(0.0)
            for j in range(n):
                total += row[j] * samples[j]
            out[k, channel] = total
        start += whole
        phase += part
        if phase >= up:
            phase -= up
            start += 1


class Resampler:
    """Audio (sample, channel) at one rate in, at another out: after n samples in, floor(n * up / down) samples out.

    `latency` counts samples of the output: sample k + latency corresponds to the instant k / target_rate.
    """

    def __init__(self, config: ResampleConfig) -> None:
        self.config = config
        self._up, self._down = config.up, config.down
        self._taps = design(config)
        self._append, self._filter = FixedKernel(_append), FixedKernel(_filter)
        self._line = np.zeros((config.n_channels, config.n_taps + 1024), np.float32)
        self._out = np.zeros((1024, config.n_channels), np.float32)
        self.reset()

    @property
    def latency(self) -> int:
        """Return the latency, samples of the output."""
        return self.config.latency

    def reset(self) -> None:
        """Return to the state after construction."""
        self._line[:] = 0.0
        up, down, n = self.config.up, self.config.down, self.config.n_taps
        self._held = n  # silence before the beginning
        # The first tap of the next target sample, in 1 / up source samples from the start of the line.
        self._place = self._held * up - self.config.latency * down - (n // 2 - 1) * up
        self._due = 0  # fraction of a target sample still due, in 1 / down

    def process(self, block: Audio) -> Audio:
        """Take a block (sample, channel), return the samples that are due, borrowed until the next call."""
        block = as_block("Resampler", block, np.float32, (self.config.n_channels,))
        if self._held + len(block) > self._line.shape[1]:
            self._line = np.concatenate([self._line, np.zeros_like(self._line, shape=(len(self._line), len(block)))], 1)
        self._append.call(self._line, self._held, block)
        self._held += len(block)
        ready, self._due = divmod(self._due + len(block) * self._up, self._down)
        if ready > len(self._out):
            self._out = np.zeros((ready, self.config.n_channels), np.float32)
        out = self._out[:ready]
        self._filter.call(self._line, self._taps, self._place, self._down, out)
        self._drop(self._place + ready * self._down)
        return out

    def _drop(self, place: int) -> None:
        """Drop the samples before the next target sample's first tap."""
        done = min(place // self._up, self._held)
        self._line[:, : self._held - done] = self._line[:, done : self._held].copy()
        self._held -= done
        self._place = place - done * self._up
