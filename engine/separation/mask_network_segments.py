"""Separate whole files with bidirectional networks in bounded memory, by overlapping segments."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.core.processor import Chain
from engine.dsp.sanitise import as_block
from engine.dsp.stft import Istft, grown
from engine.inference.network import Network
from engine.separation.config import MaskNetworkConfig
from engine.separation.mask_network import MaskNetwork, StreamingSeparator
from engine.separation.wiener import Wiener

__all__ = ["SegmentedSeparator", "open_separator", "stems_chain"]

EMPTY = np.zeros((0, 0, 0, 0), np.float32)


def open_separator(config: MaskNetworkConfig, *, n_channels: int) -> StreamingSeparator | SegmentedSeparator:
    """Return the causal or the bidirectional node for a network's file; ModelError if the file does not fit."""
    network = Network(config.model, "unmix")
    kind = SegmentedSeparator if network.metadata.get("bidirectional") is True else StreamingSeparator
    return kind(config, n_channels=n_channels, network=network)


def stems_chain(node: StreamingSeparator | SegmentedSeparator) -> Chain:
    """Return the nodes from a network's spectra to stems: the node, its Wiener filter if any, and resynthesis."""
    frames, n = node.frames, len(node.targets)
    filters = [] if node.config.wiener is None else [Wiener(frames, node.config.wiener, n_targets=n)]
    return Chain(node, *filters, Istft(frames, window=node.window, n_targets=n))


class SegmentedSeparator(MaskNetwork):
    """Take spectra (frame, channel, bin), return stems (frame, target, channel, bin), complex64, frame for frame, late.

    The network is run over `margin` frames, the `segment` that is output, and `margin` frames more; where segments
    begin depends only on the frame count. Memory is that of one such run, however long the stream.
    """

    bidirectional = True

    def __init__(self, config: MaskNetworkConfig, *, n_channels: int, network: Network | None = None) -> None:
        super().__init__(config, n_channels=n_channels, network=network)
        n_bins = self.frames.n_bins
        span = config.segment + 2 * config.margin
        self._cleaned = np.zeros((span, n_channels, n_bins), np.complex64)  # rings: frame t is row t % span
        self._magnitude = np.zeros((span, self.n_inputs, n_bins), np.float32)
        self.reset()

    @property
    def latency(self) -> int:
        """Return the length of a segment and the margin behind it, less the frame that completes them, in samples."""
        return (self.config.segment + self.config.margin - 1) * self.frames.hop

    def process(self, spectra: npt.NDArray[np.complex64]) -> npt.NDArray[np.complex64]:
        """Take (frame, channel, bin), return (frame, target, channel, bin), borrowed until the next call."""
        spectra = as_block("SegmentedSeparator", spectra, np.complex64, self._cleaned.shape[1:])
        self._stems = grown(self._stems, len(spectra))
        for stems, spectrum in zip(self._stems, spectra, strict=False):
            row = self._seen % len(self._cleaned)
            self.prepare(spectrum, self._cleaned[row], self._magnitude[row])
            self._seen += 1
            due = self._seen - self.config.segment - self.config.margin
            if due < 0:
                stems[:] = 0
                continue
            if due % self.config.segment == 0:
                self._masks = EMPTY  # freed before the next ones need the same memory
                self._masks = self._answer(due)
            place = due % len(self._cleaned)
            self.share(self._cleaned[place], self._masks[due % self.config.segment], stems)
        return self._stems[: len(spectra)]

    def _answer(self, first: int) -> npt.NDArray[np.float32]:
        """Return masks (frame, target, channel, bin) of the segment from frame `first` on."""
        before = min(first, self.config.margin)
        rows = np.arange(first - before, self._seen) % len(self._magnitude)
        masks: npt.NDArray[np.float32] = self.network.run({"magnitude": self._magnitude[rows]})["mask"]
        return masks[before : before + self.config.segment]

    def reset(self) -> None:
        """Reset to the initial state."""
        super().reset()
        self._seen = 0
        self._masks = EMPTY
