"""The score follower: spectra in, score positions out, one a frame."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.config import require
from engine.dsp.features import FeatureConfig, SpectralFeatures
from engine.events import Position
from engine.follow.match import MatchConfig, match_numbers
from engine.follow.oltw import SearchConfig, SearchNumbers, advance, new_search, read_out, restart
from engine.follow.piano import PianoConfig
from engine.follow.reference import Reference, reference_from_score
from engine.follow.score import Score
from engine.follow.tempo import TempoConfig, tempo_numbers
from engine.format import AudioFormat, FrameFormat, frame_size

__all__ = ["FollowConfig", "Follower", "follow_frames"]

Spectra = npt.NDArray[np.complex64]

BEFORE = -1 / 64  # the quarter reported while the first note has not been heard
N_OUT = 3  # score_s, log period, confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowConfig:
    """All settings of following.

    n_fft_44k1: frame size at 44.1 kHz, other rates take the power of two that lasts nearest as long; overlap: hops a
    frame; lag: frames by which the answer waits for what comes after; rise: hops and rise_fft: frames by which an
    onset is felt late in the middle of a Hann window.
    """

    n_fft_44k1: int = 2048
    overlap: int = 4
    lag: int = 5
    rise: float = 0.9
    rise_fft: float = 0.2
    features: FeatureConfig = field(default_factory=FeatureConfig)
    piano: PianoConfig = field(default_factory=PianoConfig)
    match: MatchConfig = field(default_factory=MatchConfig)
    tempo: TempoConfig = field(default_factory=TempoConfig)
    search: SearchConfig = field(default_factory=SearchConfig)

    def __post_init__(self) -> None:
        require("n_fft_44k1", self.n_fft_44k1, 256, 65536)
        require("overlap", self.overlap, 1, 64)
        require("lag", self.lag, 0, 100)
        require("rise", self.rise, 0.0, 10.0)
        require("rise_fft", self.rise_fft, 0.0, 1.0)


def follow_frames(audio: AudioFormat, config: FollowConfig) -> FrameFormat:
    """The frames that a Follower with this config wants at this sample rate."""
    n_fft = frame_size(audio.sample_rate, at_44k1=config.n_fft_44k1)
    return FrameFormat(audio=audio, n_fft=n_fft, hop=max(1, n_fft // config.overlap))


class Follower:
    """Spectra (frame, channel, bin) through a Hann window to a list of `Position`, one a frame.

    `at` is the middle of the frame `lag` frames ago, less the delay with which an onset is felt there (fixed,
    measured): so the first `at` whose quarter reaches a note's is when that note began. `emitted_at` is the end of
    the newest frame. Before the first note `quarter` is slightly negative. Frames whose `at` would be negative give
    nothing. The quarter never goes back unless the best path has been behind it for a while.
    """

    def __init__(self, frames: FrameFormat, score: Score, config: FollowConfig, reference: Reference | None = None):
        self.frames, self.score, self.config = frames, score, config
        self._features = SpectralFeatures(frames, config.features)
        self._reference = reference or reference_from_score(score, frames, config.features, config.piano)
        self._search = new_search(config.search.entries)
        frame_s = frames.hop / frames.audio.sample_rate
        self._numbers = (
            _search_numbers(config.search, frame_s),
            tempo_numbers(config.tempo, frame_s),
            match_numbers(config.match, frame_s, config.features.compression),
        )
        self._delay = config.lag * frames.hop + round(config.rise * frames.hop + config.rise_fft * frames.n_fft)
        self._out = np.zeros((0, N_OUT))
        self._state = np.zeros(3)
        self.reset()

    @property
    def latency(self) -> int:
        """Samples by which `emitted_at` lags `at`, exactly, from the input audio on: the frame is counted in."""
        return self.frames.n_fft - self.frames.n_fft // 2 + self._delay

    def process(self, spectra: Spectra) -> list[Position]:
        """Positions of each frame."""
        features = self._features.process(spectra)
        if len(self._out) < len(features):
            self._out = np.zeros((len(features), N_OUT))
        templates = (self._reference.sustain, self._reference.onset)
        timing = (self.frames.hop / self.frames.audio.sample_rate, self.config.lag)
        _follow(
            features, self._search, templates, self._reference.score_s, self._numbers, timing, self._state, self._out
        )
        positions = [self._position(self._n_frames + i, *self._out[i]) for i in range(len(features))]
        self._n_frames += len(features)
        return [position for position in positions if position.at >= 0]

    def reset(self) -> None:
        """As newly built."""
        self._features.reset()
        restart(self._search, self.config.tempo.spread)
        self._state[:] = 0, -1.0, 0.0
        self._n_frames = 0

    def _position(self, frame: int, score_s: float, period: float, confidence: float) -> Position:
        quarter = float(self.score.quarter(score_s)) if score_s >= 0 else BEFORE
        ahead = float(self.score.quarter(max(score_s, 0.0) + 1e-3)) - float(self.score.quarter(max(score_s, 0.0)))
        end = self.frames.end(frame)
        return Position(
            at=end - self.latency,
            emitted_at=end,
            quarter=quarter,
            bar=self.score.bar(quarter),
            score_s=float(self.score.seconds(quarter)),
            tempo_bpm=ahead * 60_000 * float(np.exp(-period)),
            confidence=float(confidence),
        )


def _search_numbers(config: SearchConfig, frame_s: float) -> SearchNumbers:
    return SearchNumbers(config.beam, config.skip, float(np.log(frame_s / config.start_s)), frame_s)


@njit(nogil=True, cache=True)
def _follow(
    features: Any, search: Any, templates: Any, event_s: Any, numbers: Any, timing: Any, state: Any, out: Any
) -> Any:
    """Every frame through the search; state: frames so far, the furthest score second, spare."""
    frame_s, lag = timing
    for t in range(features.shape[0]):
        now_s = state[0] * frame_s
        advance(search, features[t], now_s, templates, event_s, numbers[0], numbers[1], numbers[2])
        reached = read_out(search, now_s - lag * frame_s, event_s)
        state[1] = max(state[1], reached)
        out[t, 0] = state[1]
        out[t, 1] = search.tempo[search.best[0] % len(search.tempo), search.best[1], 1]
        out[t, 2] = search.mass[0]
        state[0] += 1
