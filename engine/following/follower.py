"""The score follower: audio or spectra in, one score position a frame out."""

from __future__ import annotations

from typing import Self

import numpy as np
import numpy.typing as npt

from engine.core.errors import ConfigError
from engine.core.events import Event
from engine.core.format import FrameFormat
from engine.dsp.features import SpectralFeatures
from engine.following.config import FollowConfig, follow_frames, onset_delay
from engine.following.embedding_features import EmbeddingFeatures
from engine.following.features import FollowerFeatures
from engine.following.pitch_search import PitchSearch
from engine.following.reference import Reference, reference_from_score
from engine.following.tracker import Timing, Tracker
from engine.following.warping.match import MatchTracker
from engine.score.score import Score

__all__ = ["AudioFollower", "FollowConfig", "Follower", "follow_frames", "frame_timing", "onset_delay"]

Spectra = npt.NDArray[np.complex64]
Audio = npt.NDArray[np.float32]


class _Located:
    """What both followers do with their tracker: tell how late it is, and go elsewhere in the score, or in another."""

    reference: Reference
    config: FollowConfig
    _tracker: Tracker | MatchTracker
    _pitch: PitchSearch | None

    @property
    def latency(self) -> int:
        """Return the exact samples by which `emitted_at` lags `at`, counted from the input audio, frame included."""
        return self._tracker.latency

    @property
    def trust_evidence(self) -> npt.NDArray[np.float64]:
        """Return the evidence for the confidence of the newest frame, as `update_trust` has it, borrowed."""
        return self._tracker.trust_evidence

    def change_score(self, fresh: Self, quarter: float) -> None:
        """Go on in the score of a follower that has just been made, waiting at a quarter; what was heard stays."""
        self.reference, self.config = fresh.reference, fresh.config
        self._tracker = _succeeded(self._tracker, fresh._tracker, quarter)
        if self._pitch is not None and fresh._pitch is not None:
            self._pitch.change_score(fresh._pitch, quarter)

    def relocate(self, quarter: float) -> None:
        """Follow from the next frame on from this quarter: wait there for what is played."""
        self._tracker.relocate(quarter)
        if self._pitch is not None:
            self._pitch.relocate(quarter)


class Follower(_Located):
    """Spectra (frame, channel, bin) of a Hann window to events, a `Position` a frame, as in `Tracker`.

    A Score is turned into a reference for the spectral features; a Reference must have been made for the same frames.
    """

    def __init__(self, frames: FrameFormat, score: Score | Reference, config: FollowConfig) -> None:
        self.frames, self.config = frames, config
        if isinstance(score, Score):
            score = reference_from_score(score, frames, config.features)
        self.reference = score
        self._features = SpectralFeatures(frames, config.features)
        n = self._features.n_bands
        self._tracker = _tracker(frame_timing(frames), (n, n), score, config)
        tunable = config.semitones > 0 and config.features.kind == "bands" and config.method == "search"
        self._pitch = PitchSearch(frames, score, config, frame_timing(frames)) if tunable else None

    def process(self, spectra: Spectra) -> list[Event]:
        """Return the events of each frame."""
        if self._pitch is None:
            return self._tracker.process(self._features.process(spectra))
        events, start = [], 0
        while start < len(spectra):
            part = spectra[start : start + self._pitch.room]
            events += self._tracker.process(self._features.process(part))
            events += _retuned(self._pitch, part, self._tracker, self._features)
            start += len(part)
        return events

    def reset(self) -> None:
        """Return to the state after construction."""
        self._features.reset()
        self._tracker.reset()
        if self._pitch is not None:
            self._pitch.reset()


class AudioFollower(_Located):
    """Audio (sample, channel) to events, a `Position` a frame, with the features made by `follower_features`.

    The reference must have been made with the same features; it stores by how much they detect an onset late.
    """

    def __init__(
        self, follower_features: FollowerFeatures, sample_rate: int, reference: Score | Reference, config: FollowConfig
    ) -> None:
        if isinstance(reference, Score):
            remedy = "make a reference of it: offline.following.score_input.read_score_input"
            raise ConfigError(reference.name, expected="a Reference, for such features", got="a Score", remedy=remedy)
        self.reference, self.config = reference, config
        self._hearing = follower_features
        timing = Timing(follower_features.hop, sample_rate, follower_features.latency, reference.delay)
        n_begins = reference.onset.shape[1]
        self._tracker = _tracker(timing, (follower_features.n_sounds, n_begins), reference, config)
        self._pitch: PitchSearch | None = None
        tunable = config.semitones > 0 and config.method == "search"
        if tunable and isinstance(follower_features, EmbeddingFeatures):
            self._pitch = PitchSearch(follower_features.frames, reference, config, timing)
        self._fill = 0  # samples since the last frame

    def process(self, block: Audio) -> list[Event]:
        """Return the events of the frames that the block completes."""
        hearing, pitch = self._hearing, self._pitch
        if pitch is None or not isinstance(hearing, EmbeddingFeatures):
            return self._tracker.process(hearing.process(block))
        events, start = [], 0
        while start < len(block):
            part = block[start : start + pitch.room * hearing.hop - self._fill]
            events += self._tracker.process(hearing.process(part))
            events += _retuned(pitch, hearing.spectra, self._tracker, hearing)
            self._fill = (self._fill + len(part)) % hearing.hop
            start += len(part)
        return events

    def reset(self) -> None:
        """Return to the state after construction."""
        self._hearing.reset()
        self._tracker.reset()
        self._fill = 0
        if self._pitch is not None:
            self._pitch.reset()


def _tracker(
    timing: Timing, shape: tuple[int, int], reference: Reference, config: FollowConfig
) -> Tracker | MatchTracker:
    if config.method == "match":
        return MatchTracker(timing, shape, reference, config.warp)
    return Tracker(timing, shape, reference, config)


def _retuned(
    pitch: PitchSearch,
    spectra: Spectra,
    tracker: Tracker | MatchTracker,
    features: SpectralFeatures | EmbeddingFeatures,
) -> list[Event]:
    """Let the search hear the spectra; if the pitch is another, retune the features and take over the path found."""
    if isinstance(tracker, MatchTracker) or not pitch.process(spectra, tracker.lost):
        return []
    if pitch.leader is not None:
        tracker.adopt(pitch.leader)
    if pitch.pitch.cents != tracker.pitch.cents:
        features.retune(pitch.pitch.cents)
    return tracker.tell(pitch.pitch)


def _succeeded(old: Tracker | MatchTracker, fresh: Tracker | MatchTracker, quarter: float) -> Tracker | MatchTracker:
    """Return the fresh tracker, at the frame of the old one."""
    if isinstance(old, MatchTracker) or isinstance(fresh, MatchTracker):
        raise ConfigError("follow", expected="search, to go on in another score", got="match")
    fresh.succeed(old, quarter)
    return fresh


def frame_timing(frames: FrameFormat) -> Timing:
    """Return the timing of rows computed from such frames."""
    late = frames.n_fft - frames.n_fft // 2
    return Timing(frames.hop, frames.audio.sample_rate, late, onset_delay(frames))
