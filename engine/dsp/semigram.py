"""The semigram: magnitudes summed in semitone bands over the piano's range, every frame of unit length.

The input of the multi-layer perceptron of Izmirli & Dannenberg, "Understanding features and distance functions for
music sequence alignment" (ISMIR 2010). No single window resolves semitones in the bass and is short in the treble, so
each band uses the shortest of four windows whose main lobe is no wider than the band; this choice is ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.core.arrays import C64, F32, I64, Scalar32
from engine.core.config import Settings, ranged
from engine.core.format import AudioFormat, FrameFormat
from engine.dsp.constant_q import HOP_S
from engine.dsp.features import apply_row, mean_power
from engine.dsp.filterbank import SparseMap, sparse
from engine.dsp.sanitise import as_block
from engine.dsp.stft import Stft, grown
from engine.dsp.window import window

__all__ = ["Semigram", "SemigramConfig", "semitone_weights"]

Features = npt.NDArray[np.float32]

LOWEST, N_KEYS = 21, 88  # A0 to C8
HOPS = (16, 8, 4, 2)  # window lengths in hops; half of each is a whole number of hops, so that centres can be aligned
WINDOW = "hann"
LOBE = 2.0  # half the width of its main lobe, in reciprocals of its length


@dataclass(frozen=True, slots=True, kw_only=True)
class SemigramConfig(Settings):
    """Settings of a semigram."""

    hop_s: float = ranged(HOP_S, 0.001, 0.1, "time between frames", unit="s")
    floor: float = ranged(1e-4, 1e-9, 1.0, "smallest norm that frames are divided by")


def semitone_hz(edges: int = 0) -> npt.NDArray[np.float64]:
    """Return the frequencies of the 88 keys, Hz; with edges=1 the 89 quarter tones around them."""
    keys = LOWEST + np.arange(N_KEYS + edges) - 0.5 * edges
    return np.asarray(440.0 * 2.0 ** ((keys - 69) / 12))


def semitone_weights(frames: FrameFormat) -> Features:
    """Return the share of each bin that lies in each semitone's band, (88, bin)."""
    spacing = frames.audio.sample_rate / frames.n_fft
    edges = semitone_hz(edges=1)[:, None]
    low = (np.arange(frames.n_bins) - 0.5) * spacing
    inside = np.minimum(edges[1:], low + spacing) - np.maximum(edges[:-1], low)
    return np.asarray(np.maximum(inside, 0) / spacing, np.float32)


def window_choice(hop_s: float) -> npt.NDArray[np.int64]:
    """Return the index of each key's window in HOPS."""
    width = np.diff(semitone_hz(edges=1))
    fits = np.array([LOBE / (hops * hop_s) <= width for hops in HOPS])
    return np.where(fits.any(axis=0), len(HOPS) - 1 - fits[::-1].argmax(axis=0), 0)


class Semigram:
    """Audio (sample, channel) in, semitone magnitudes (frame, 88) out, power averaged over channels.

    Frame t is centred at input sample (t + 1) * hop - latency. Frames quieter than the floor are shorter than 1.
    """

    def __init__(self, config: SemigramConfig, audio: AudioFormat) -> None:
        self.config, self.audio = config, audio
        self.hop, self.n_features = max(8, audio.samples(config.hop_s)), N_KEYS
        formats = [FrameFormat(audio=audio, n_fft=hops * self.hop, hop=self.hop) for hops in HOPS]
        self._stfts = [Stft(frames, window=WINDOW) for frames in formats]
        choice = window_choice(self.hop / audio.sample_rate)
        weights = [semitone_weights(frames) * (choice == i)[:, None] for i, frames in enumerate(formats)]
        gains = [1 / window(WINDOW, frames.n_fft).sum() for frames in formats]
        self._maps = [sparse(w * np.float32(gain)) for w, gain in zip(weights, gains, strict=True)]
        self._magnitudes = [np.zeros(frames.n_bins, np.float32) for frames in formats]
        self._waits = (HOPS[0] - np.array(HOPS)[choice]) // 2  # frames that each key waits for the longest window
        self._ring = np.zeros((HOPS[0] // 2, N_KEYS), np.float32)
        self._turn = 0
        self._out = np.zeros((0, N_KEYS), np.float32)

    @property
    def latency(self) -> int:
        """Return the samples from a frame's centre to its emission: half of the longest window."""
        return HOPS[0] * self.hop // 2

    def process(self, block: npt.NDArray[np.float32]) -> Features:
        """Return the frames that the block completes, borrowed until the next call."""
        block = as_block("Semigram", block, np.float32, (self.audio.n_channels,))
        n_frames = 0
        for stft, rows, magnitude in zip(self._stfts, self._maps, self._magnitudes, strict=True):
            spectra = stft.process(block)
            n_frames = len(spectra)
            self._out = grown(self._out, n_frames)
            _sum_bands(spectra, rows, magnitude, self._out)
        out = self._out[:n_frames]
        self._turn = _line_up(out, self._ring, self._waits, self._turn, np.float32(self.config.floor))
        return out

    def reset(self) -> None:
        """Return to the state after construction."""
        for stft in self._stfts:
            stft.reset()
        self._ring[:] = 0
        self._turn = 0


@njit(nogil=True, cache=True)
def _sum_bands(spectra: C64, rows: SparseMap, magnitude: F32, out: F32) -> None:
    """Write out[t, i] = sum_k w[i, k] |X[t, k]| for the keys i that `rows` has weights for, and leave the others."""
    for t in range(spectra.shape[0]):
        mean_power(spectra[t], magnitude)
        for k in range(len(magnitude)):
            magnitude[k] = np.sqrt(magnitude[k])
        for i in range(out.shape[1]):
            if rows.start[i + 1] > rows.start[i]:
                out[t, i] = apply_row(rows, i, magnitude)


@njit(nogil=True, cache=True)
def _line_up(out: F32, ring: F32, waits: I64, turn: int, floor: Scalar32) -> int:
    """Delay each key by its frames, then normalise every frame; return the ring's new position."""
    for t in range(out.shape[0]):
        ring[turn] = out[t]
        power = np.float32(0)
        for i in range(out.shape[1]):
            out[t, i] = ring[(turn - waits[i]) % len(ring), i]
            power += out[t, i] * out[t, i]
        gain = 1 / max(np.sqrt(power), floor)
        for i in range(out.shape[1]):
            out[t, i] *= gain
        turn = (turn + 1) % len(ring)
    return turn
