"""Separate audio into stems about 3 ms later, by masks of the past and short filters.

A mask network needs a long window: its stems come as much later. Here the network hears the same windows, but its masks
are applied to samples that come after them: each mask becomes a short filter (`short_filter`), renewed every 128
samples by what has risen since (`onset_masks`), and faded from one to the next. Copies of the network can take turns,
each at its own hop. The last stem is the input, as much later, less the others: the stems sum to the input.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.core.arrays import C64, F32, Scalar32
from engine.core.format import AudioFormat
from engine.dsp.resample import ResampleConfig, Resampler
from engine.dsp.sanitise import LIMIT, as_block, clean
from engine.dsp.stft import Stft, grown
from engine.dsp.window import late_window
from engine.separation.config import MaskNetworkConfig
from engine.separation.mask_network import HALF, StreamingSeparator
from engine.separation.onset_masks import OnsetMasks
from engine.separation.short_filter import design_filters, filter_window, fir

__all__ = ["InstantSeparator"]

STEP = 128  # samples from one filter to the next

Audio = npt.NDArray[np.float32]


@njit(nogil=True, cache=True)
def _take(block: Audio, start: int, n: int, at: int, turned: bool, limit: Scalar32, raw: F32, line: F32) -> None:
    """Write samples of block (sample, channel) to raw and line (channel, sample) from `at` on; line is mid and side."""
    for c in range(raw.shape[0]):
        for i in range(n):
            raw[c, at + i] = clean(block[start + i, c], limit)
            line[c, at + i] = raw[c, at + i]
    if turned:
        for i in range(at, at + n):
            line[0, i], line[1, i] = (raw[0, i] + raw[1, i]) * HALF, (raw[0, i] - raw[1, i]) * HALF


@njit(nogil=True, cache=True)
def _filter(
    raw: F32, line: F32, fill: int, n: int, delay: int, turned: bool, old: F32, new: F32, scratch: F32, out: F32
) -> None:
    """Write n samples of stems to out (sample, target, channel), faded from old to new filters (target, channel, tap).

    fill: samples since the new filters
    """
    n_targets, n_channels = new.shape[:2]
    end = line.shape[1] - STEP + fill + n
    for t in range(n_targets):
        for c in range(n_channels):
            fir(line[c, :end], n, old[t, c], scratch[0])
            fir(line[c, :end], n, new[t, c], scratch[1])
            for i in range(n):
                share = np.float32(fill + i + 1) / np.float32(STEP)
                out[i, t, c] = scratch[0, i] + share * (scratch[1, i] - scratch[0, i])
        if turned:
            for i in range(n):
                a, b = out[i, t, 0], out[i, t, 1]
                out[i, t, 0], out[i, t, 1] = (a + b) * HALF, (a - b) * HALF
    for c in range(n_channels):
        for i in range(n):
            rest = raw[c, end - n + i - delay]
            for t in range(n_targets):
                rest -= out[i, t, c]
            out[i, n_targets, c] = rest


@njit(nogil=True, cache=True)
def _spread(gains: C64, place: F32, out: F32) -> None:
    """Write gains (target, channel, bin) at other frequencies, `place` (bin) among the bins, real."""
    last = gains.shape[2] - 1
    for t in range(len(gains)):
        for c in range(gains.shape[1]):
            for k in range(len(place)):
                i = min(int(place[k]), last)
                j = min(i + 1, last)
                q = place[k] - np.float32(i)
                out[t, c, k] = gains[t, c, i].real + q * (gains[t, c, j].real - gains[t, c, i].real)


class InstantSeparator:
    """Take audio (sample, channel) of any rate, return stems (sample, target, channel), sample for sample.

    targets: names of the stems
    frames, window: of the network

    ModelError if the file does not fit, or if its network needs the whole of a stream.
    """

    def __init__(self, config: MaskNetworkConfig, audio: AudioFormat) -> None:
        assert config.instant is not None
        self.config, self.audio = config, audio
        node = StreamingSeparator(config, n_channels=audio.n_channels)
        self.targets, self.frames, self.window = node.targets, node.frames, node.window
        own = node.frames.audio.sample_rate
        self._delay, n_taps = config.instant.samples(audio.sample_rate, node.frames.n_fft)
        resampled = ResampleConfig(source_rate=audio.sample_rate, target_rate=own, n_channels=audio.n_channels)
        self._into = None if own == audio.sample_rate else Resampler(resampled)
        weights = late_window(node.window, node.frames.n_fft, config.instant.fall(own, node.frames.n_fft))
        others = [StreamingSeparator(config, n_channels=audio.n_channels) for _ in range(config.instant.turns - 1)]
        self._turns = [(each, Stft(node.frames, window=node.window, weights=weights)) for each in (node, *others)]
        late = 0 if self._into is None else round(self._into.latency * audio.sample_rate / own)
        n_stems, n_bins = len(self.targets), node.frames.n_bins
        sizes = {"step": STEP, "late": late, "n_targets": n_stems}
        self._onsets = OnsetMasks(audio.sample_rate, node.frames, **sizes)
        self._turned = node.mid_side and audio.n_channels == 2
        self._limit, self._cut = np.float32(LIMIT), filter_window(n_taps, self._delay) / np.float32(node.frames.n_fft)
        self._place = (np.arange(n_bins) * audio.sample_rate / own).astype(np.float32)
        self._out = np.zeros((0, n_stems, audio.n_channels), np.float32)
        self._make_memory(n_taps)
        self.reset()

    def _make_memory(self, n_taps: int) -> None:
        """Allocate what is kept from step to step, and scratch memory."""
        n_channels, n_bins = self.audio.n_channels, self.frames.n_bins
        rows = len(self.targets), n_channels
        long = max(n_taps - 1, self._onsets.n_short)
        self._raw, self._line = (np.zeros((n_channels, long + STEP), np.float32) for _ in range(2))
        self._ones = np.ones((n_channels, n_bins), np.complex64)
        self._stems = np.zeros((*rows, n_bins), np.complex64)
        self._cleaned = np.zeros((n_channels, n_bins), np.complex64)
        self._magnitude = np.zeros((1, self._turns[0][0].n_inputs, n_bins), np.float32)
        self._gains = np.zeros((*rows, n_bins), np.float32)
        self._masks = np.zeros((rows[0] - 1, n_channels, n_bins), np.complex64)
        self._response = np.zeros((rows[0] - 1, n_channels, self.frames.n_fft), np.float32)
        self._old, self._new = (np.zeros((rows[0] - 1, n_channels, n_taps), np.float32) for _ in range(2))
        self._scratch = np.zeros((2, STEP), np.float32)

    @property
    def latency(self) -> int:
        """Return the input samples by which the stems lag."""
        return self._delay

    def process(self, block: Audio) -> Audio:
        """Take (sample, channel), return as many samples of stems, borrowed until the next call."""
        block = as_block("InstantSeparator", block, np.float32, (self.audio.n_channels,))
        self._out = grown(self._out, len(block))
        at = 0
        while at < len(block):
            n = min(STEP - self._fill, len(block) - at)
            kept = self._line.shape[1] - STEP
            _take(block, at, n, kept + self._fill, self._turned, self._limit, self._raw, self._line)
            parts = self._old, self._new, self._scratch, self._out[at : at + n]
            _filter(self._raw, self._line, self._fill, n, self._delay, self._turned, *parts)
            at += n
            self._fill += n
            if self._fill == STEP:
                self._renew()
        return self._out[: len(block)]

    def _renew(self) -> None:
        """Make the filters of the next step from all that has been heard."""
        self._onsets.hear(self._line)
        heard = np.ascontiguousarray(self._raw[:, -STEP:].T)
        for each in (self._raw, self._line):
            each[:, :-STEP] = each[:, STEP:].copy()
        self._fill = 0
        if self._into is not None:
            heard = self._into.process(heard)
        for turn, (node, stft) in enumerate(self._turns):
            for spectrum in stft.process(heard):
                self._update(node, spectrum, learns=turn == 0)
        self._old, self._new = self._new, self._old
        self._onsets.renew(self._gains, self._masks)
        design_filters(self._masks, self._delay, self._cut, self._response, self._new)

    def _update(self, node: StreamingSeparator, spectrum: C64, *, learns: bool) -> None:
        """Take the masks of a frame that has ended; learns: whether what rose since the last one is learnt."""
        node.prepare(spectrum, self._cleaned, self._magnitude[0])
        masks = node.network.run({"magnitude": self._magnitude})["mask"]
        node.divide(self._ones, masks[0], self._stems)
        _spread(self._stems, self._place, self._gains)
        self._onsets.compare()
        if learns:
            self._onsets.learn(self._cleaned, self._stems.real)

    def reset(self) -> None:
        """Reset to the initial state: every stem an equal part of the input."""
        for part in (self._onsets, *(() if self._into is None else (self._into,))):
            part.reset()
        for turn, (node, stft) in enumerate(self._turns):
            node.reset()
            stft.reset()
            stft.process(np.zeros((turn * self.frames.hop // len(self._turns), self.audio.n_channels), np.float32))
        self._fill = 0
        self._gains[:] = 1 / len(self.targets)
        for each in (self._raw, self._line, self._old, self._new):
            each[:] = 0
        for filters in (self._old, self._new):
            filters[..., self._delay] = 1 / len(self.targets)
