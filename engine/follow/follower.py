"""The score follower: spectra in, score positions out, one a frame."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.config import require
from engine.dsp.features import FeatureConfig, SpectralFeatures
from engine.errors import ShapeError
from engine.events import Position
from engine.follow.match import MatchConfig, match_numbers
from engine.follow.oltw import SPAN, SearchConfig, advance, new_search, read_out, restart, search_numbers
from engine.follow.piano import PianoConfig
from engine.follow.reference import Reference, reference_from_score
from engine.follow.relocate import ScoutConfig, new_scout, restart_scout, scout_numbers, settle, survey
from engine.follow.score import Score
from engine.follow.tempo import TempoConfig, tempo_numbers
from engine.follow.trust import confidence
from engine.format import AudioFormat, FrameFormat, frame_size

__all__ = ["FollowConfig", "Follower", "follow_frames", "onset_delay"]

Spectra = npt.NDArray[np.complex64]

BEFORE = -1 / 64  # the quarter reported while the first note has not been heard
RETREAT_S = 1.0  # for so long the best path must lie behind before the position goes back
N_OUT = 5  # quarter, bar, score_s, tempo_bpm, confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowConfig:
    """All settings of following.

    n_fft_44k1: frame size at 44.1 kHz, other rates take the power of two that lasts nearest as long; overlap: hops a
    frame; lag: hops by which the answer waits for what comes after; rise: hops, and rise_fft: frames, by which an
    onset is felt late in the middle of a Hann window; jumps: whether the player may go anywhere in the score at any
    time, and begin anywhere.
    """

    n_fft_44k1: int = 2048
    overlap: int = 4
    lag: int = 4
    rise: float = 0.9
    rise_fft: float = 0.2
    jumps: bool = True
    features: FeatureConfig = field(default_factory=FeatureConfig)
    piano: PianoConfig = field(default_factory=PianoConfig)
    match: MatchConfig = field(default_factory=MatchConfig)
    tempo: TempoConfig = field(default_factory=TempoConfig)
    search: SearchConfig = field(default_factory=SearchConfig)
    scout: ScoutConfig = field(default_factory=ScoutConfig)

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
    nothing. The quarter goes back only after the best path has been behind it for a second, or at a jump.
    """

    def __init__(self, frames: FrameFormat, score: Score | Reference, config: FollowConfig) -> None:
        self.frames, self.config = frames, config
        if isinstance(score, Score):
            score = reference_from_score(score, frames, config.features, config.piano)
        self.reference = score
        self._features = SpectralFeatures(frames, config.features)
        _check(self._features.n_bands, score)
        self._searches = (new_search(config.search.entries), new_scout(len(score.score_s)))
        frame_s = frames.hop / frames.audio.sample_rate
        self._timing = (frame_s, config.lag, RETREAT_S / frame_s, config.jumps)
        self._numbers = (
            search_numbers(config.search, frame_s),
            tempo_numbers(config.tempo, frame_s),
            match_numbers(config.match, frame_s, config.features.compression),
            scout_numbers(config.scout, config.search.skip, frame_s),
        )
        self._score = (score.score_s, score.quarter, score.bar_quarter, score.bar_number)
        self._reference = (score.sustain, score.onset, score.score_s, score.links)
        self._progress = np.zeros(3)
        self._out = np.zeros((0, N_OUT))
        self.reset()

    @property
    def latency(self) -> int:
        """Samples by which `emitted_at` lags `at`, exactly, from the input audio on: the frame is counted in."""
        half_frame = self.frames.n_fft - self.frames.n_fft // 2
        return half_frame + self.config.lag * self.frames.hop + onset_delay(self.frames, self.config)

    def process(self, spectra: Spectra) -> list[Position]:
        """Positions of each frame."""
        features = self._features.process(spectra)
        if len(self._out) < len(features):
            self._out = np.zeros((len(features), N_OUT))
        out, first = self._out[: len(features)], int(self._progress[0])
        _follow(
            features, self._searches, self._reference, self._score, self._numbers, self._timing, self._progress, out
        )
        silent = max(0, -(-self.latency // self.frames.hop) - 1 - first)  # frames that speak of before the input
        return [self._position(first + i, row) for i, row in enumerate(out[silent:].tolist(), start=silent)]

    def reset(self) -> None:
        """As newly built."""
        self._features.reset()
        restart(self._searches[0], self.config.tempo.spread)
        restart_scout(self._searches[1])
        self._progress[:] = 0

    def _position(self, frame: int, row: list[float]) -> Position:
        end = self.frames.end(frame)
        return Position(
            at=end - self.latency,
            emitted_at=end,
            quarter=row[0],
            bar=int(row[1]),
            score_s=row[2],
            tempo_bpm=row[3],
            confidence=row[4],
        )


def onset_delay(frames: FrameFormat, config: FollowConfig) -> int:
    """Samples by which an onset is felt late in the middle of a frame: the features compare frames `lag` apart."""
    return round(config.rise * frames.hop + config.rise_fft * frames.n_fft)


def _check(n_bands: int, reference: Reference) -> None:
    if reference.sustain.shape[1] != n_bands:
        got = f"{reference.sustain.shape[1]} from the reference"
        remedy = "make the reference for the same frames and features"
        raise ShapeError(reference.name, expected=f"{n_bands} features", got=got, remedy=remedy)


@njit(nogil=True, cache=True)
def _follow(
    features: Any, searches: Any, reference: Any, score: Any, numbers: Any, timing: Any, progress: Any, out: Any
) -> None:
    """Every frame through both searches, and a row of `out` (frame, N_OUT) for it.

    progress: frames so far, the place reached (event and share of the way to the next), frames spent behind it.
    """
    search, scout = searches
    frame_s, lag, patience, jumps = timing
    for t in range(features.shape[0]):
        now_s = progress[0] * frame_s
        advance(search, features[t], now_s, reference[:2], score[0], numbers[0], numbers[1], numbers[2])
        event, share = read_out(search, now_s - lag * frame_s, score[0])
        place, leap = event + share, 0
        if jumps:
            main = (search.best[0], _log_period(search), search.mass[1])
            leap = survey(scout, features[t], now_s, main, reference, numbers[3], numbers[1:3])
        if leap > 0:
            settle(search, scout, leap)
            place = float(leap)
        progress[2] = progress[2] + 1 if place < progress[1] else 0.0
        if place > progress[1] or progress[2] > patience or leap > 0:
            progress[1], progress[2] = place, 0.0
        _report(progress[1], search, score, out[t])
        progress[0] += 1


@njit(nogil=True, cache=True)
def _log_period(search: Any) -> Any:
    """Of the best path: log of the seconds played a second of score."""
    return search.tempo[search.best[0] % SPAN, search.best[1], 1]


@njit(nogil=True, cache=True)
def _report(place: Any, search: Any, score: Any, row: Any) -> None:
    """Write quarter, bar, score_s, tempo_bpm, confidence for a place between two events."""
    event_s, event_quarter, bar_quarter, bar_number = score
    i = min(max(int(place) - 1, 0), max(len(event_s) - 2, 0))
    length_s, length_quarter = 0.5, 1.0
    if len(event_s) > 1:
        length_s, length_quarter = event_s[i + 1] - event_s[i], event_quarter[i + 1] - event_quarter[i]
    share = place - 1 - i
    row[0] = event_quarter[i] + share * length_quarter if place >= 1 else BEFORE
    row[1] = bar_number[max(np.searchsorted(bar_quarter, row[0] + 1e-4, side="right") - 1, 0)]
    row[2] = event_s[i] + share * length_s if place >= 1 else BEFORE
    row[3] = 60 * length_quarter / length_s * np.exp(-_log_period(search))
    row[4] = confidence(search.mass[0], search.trust)
