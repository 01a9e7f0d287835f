"""Run a separation at another sample rate, by resampling to it and back; the stems still sum to the input."""

from __future__ import annotations

from math import gcd
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.core.processor import Processor
from engine.dsp.resample import ResampleConfig, Resampler
from engine.dsp.sanitise import LIMIT, as_block
from engine.dsp.stft import grown

__all__ = ["ResampledSeparator"]

Audio = npt.NDArray[np.float32]


class ResampledSeparator:
    """Take audio (sample, channel), return stems (sample, target, channel) of an `inner` separation at another rate.

    What resampling removes, mostly above the lower rate's band, is distributed over the stems.

    rate, inner_rate: Hz
    n_channels: of the input
    n_targets: of inner
    """

    def __init__(
        self, inner: Processor[Audio, Audio], *, rate: int, inner_rate: int, n_channels: int, n_targets: int
    ) -> None:
        self.inner = inner
        self._streams = n_targets, n_channels
        self._into = Resampler(ResampleConfig(source_rate=rate, target_rate=inner_rate, n_channels=n_channels))
        back = ResampleConfig(source_rate=inner_rate, target_rate=rate, n_channels=n_targets * n_channels)
        self._out_of = Resampler(back)
        # A few extra samples at the inner rate make the total delay there and back a whole number of samples.
        grain = inner_rate // gcd(rate, inner_rate)
        late = self._into.latency + inner.latency
        self._padding = -late % grain
        self._latency = (late + self._padding) // grain * (rate // gcd(rate, inner_rate)) + self._out_of.latency
        self._line = np.zeros((self._latency, n_channels), np.float32)
        self._out = np.zeros((0, n_targets, n_channels), np.float32)
        self._start()

    def _start(self) -> None:
        silence = np.zeros((self._padding, self._out_of.config.n_channels), np.float32)
        self._early = self._out_of.process(silence).copy()
        self._held = self._latency  # samples in the delay line: silence before the beginning

    @property
    def latency(self) -> int:
        """Return the input samples by which the stems lag."""
        return self._latency

    def process(self, block: Audio) -> Audio:
        """Take (sample, channel), return the stems that are ready, borrowed until the next call."""
        block = as_block("ResampledSeparator", block, np.float32, (self._streams[1],))
        self._hold(np.where(np.abs(block) <= LIMIT, block, np.float32(0)))
        stems = self.inner.process(self._into.process(block))
        ready = self._out_of.process(stems.reshape(len(stems), self._out_of.config.n_channels))
        n = len(self._early) + len(ready)
        self._out = grown(self._out, n)
        out = self._out[:n]
        flat = out.reshape(n, self._out_of.config.n_channels)
        flat[: len(self._early)], flat[len(self._early) :] = self._early, ready
        self._early = self._early[:0]
        out += ((self._line[:n] - out.sum(axis=1)) / np.float32(self._streams[0]))[:, None]
        self._line[: self._held - n] = self._line[n : self._held].copy()
        self._held -= n
        return out

    def _hold(self, block: Any) -> None:
        """Append a block to the delay line of input whose stems are not ready."""
        if self._held + len(block) > len(self._line):
            self._line = np.concatenate([self._line[: self._held], np.zeros_like(block)])
        self._line[self._held : self._held + len(block)] = block
        self._held += len(block)

    def reset(self) -> None:
        """Reset to the initial state."""
        for part in (self._into, self.inner, self._out_of):
            part.reset()
        self._line[:] = 0
        self._start()
