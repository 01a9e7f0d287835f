"""One reading of the recording: its harmonic sound by the vocoder, its percussive sound by overlap-add."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.accompaniment.backing.config import OVERLAP, StretchConfig
from engine.accompaniment.backing.grains import GrainNumbers, add_grains
from engine.accompaniment.backing.recording import BackingRecording
from engine.accompaniment.backing.separated import SeparatedRing
from engine.accompaniment.backing.vocoder import analyse_at, lock_phases
from engine.dsp.stft import Istft
from engine.dsp.window import window

__all__ = ["Voice"]

HISTORY = OVERLAP + 3  # places kept: attacks are looked for as far back
WINDOW = "hann"

Audio = npt.NDArray[np.float32]


class Voice:
    """Read the recording hop by hop at places that move on slowly.

    What is read at hop k sounds `latency` samples after the beginning of its output.
    """

    def __init__(self, recording: BackingRecording, config: StretchConfig) -> None:
        audio = recording.audio
        frames = self.frames = config.frames(audio)
        hop, n_fft, n_channels = frames.hop, frames.n_fft, audio.n_channels
        self.latency = n_fft // 2
        self._istft = Istft(frames, window=WINDOW)
        self._weights, self._scratch = window(WINDOW, n_fft), np.zeros((n_channels, n_fft), np.float32)
        self._now, self._before = np.zeros((2, n_channels, frames.n_bins), np.complex64)
        self._spectrum = np.zeros((1, n_channels, frames.n_bins), np.complex64)
        self._power = np.zeros(frames.n_bins, np.float32)
        self._grain = window(WINDOW, _grain_length(config, audio.sample_rate, hop))
        before, after = len(self._grain) // 2, round(config.attack_ms / 1000 * audio.sample_rate)
        self._numbers = GrainNumbers(hop, before, max(after, before))
        self._source = SeparatedRing(recording, config, before, max(after, before), 4 * n_fft)
        self._overlap = np.zeros((n_channels, len(self._grain)), np.float32)
        self._places = np.zeros(HISTORY)
        self._out = np.zeros((hop, n_channels), np.float32)

    @property
    def place(self) -> float:
        """Return where it was read last, samples of the recording."""
        return float(self._places[-1])

    @property
    def moved(self) -> float:
        """Return how far it was moved last, samples."""
        return float(self._places[-1] - self._places[-2])

    def start(self, place: float) -> None:
        """Begin at a place, as if it had been read up to there at rate 1."""
        hop = self.frames.hop
        self._istft.reset()
        self._overlap[:] = 0
        self._source.seek(round(place) - HISTORY * hop - self.frames.n_fft)
        self._places[:] = place + hop * np.arange(-HISTORY, 0)
        first = place - OVERLAP * hop
        self._analyse(first)
        self._spectrum[0] = self._now
        for i in range(1, OVERLAP):
            self._vocode(first + i * hop)

    def read(self, place: float) -> Audio:
        """Return the next hop (sample, channel), borrowed, with the recording read at `place` now."""
        self._places[:-1] = self._places[1:]
        self._places[-1] = place
        self._out[:] = self._vocode(place)
        add_grains(
            self._source.ring[1],
            self._grain,
            self._places,
            self._source.attacks,
            self._numbers,
            self._overlap,
            self._out,
        )
        return self._out

    def _vocode(self, place: float) -> Audio:
        self._analyse(place)
        half = max(self.moved, 1.0) / 2  # one frame an attack
        anew = bool((np.abs(self._source.attacks - place) <= half).any())
        lock_phases(self._now, self._before, self._spectrum[0], self._power, anew, self._spectrum[0])
        return self._istft.process(self._spectrum)

    def _analyse(self, place: float) -> None:
        """Take the spectra around a place and one hop before it."""
        middle, ring = round(place), self._source.ring[0]
        self._source.reach(middle + self.latency)
        analyse_at(ring, middle, self._weights, self._scratch, self._now)
        analyse_at(ring, middle - self.frames.hop, self._weights, self._scratch, self._before)


def _grain_length(config: StretchConfig, sample_rate: int, hop: int) -> int:
    """Return an even length whose half divides the vocoder's hop: near that of the settings."""
    half = config.grain_ms / 1000 * sample_rate / 2
    n = max(1, round(hop / half))
    while hop % n:
        n += 1
    return 2 * hop // n
