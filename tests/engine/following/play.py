"""Material for the tests of following: small scores, their sound by the built-in synthesiser, and the follower run."""

from __future__ import annotations

import numpy as np

from engine.core.events import Event, Position
from engine.core.format import AudioFormat
from engine.core.processor import Chain
from engine.dsp.stft import Stft
from engine.following.follower import FollowConfig, Follower, follow_frames
from engine.following.reference import Reference
from engine.score.score import Score, make_score
from offline.evaluation.onsets import PositionTrack, track_of
from offline.run import collect_frames
from offline.synthesis.additive_piano import additive
from offline.synthesis.demo_performance import Performance, PerformConfig, perform

RATE = 22050
STRICT = PerformConfig(arch=0.0, wander=0.0, slowing=0.0, spread_ms=0.0, lead_ms=0.0, start_s=0.5)


def scale(n_notes: int = 16, *, length: float = 0.5, bpm: float = 100.0) -> Score:
    """A scale up and down in G major over a drone on each fourth note, eighths by default."""
    steps = [0, 2, 4, 5, 7, 9, 11, 12, 11, 9, 7, 5, 4, 2]
    rows = [(i * length, length, 67 + steps[i % len(steps)], 70) for i in range(n_notes)]
    rows += [(i * length, 4 * length, 43, 60) for i in range(0, n_notes, 4)]
    return make_score("scale", rows, tempi=[(0.0, bpm)], bars=[(2.0 * i, i + 1) for i in range(n_notes)])


def sound(score: Score, config: PerformConfig = STRICT, *, seed: int = 0) -> tuple[np.ndarray, Performance]:
    """Mono sound (sample, 1) of the score played so, and the performance with its truth."""
    played = perform(score, seed=seed, config=config)
    return additive(played, RATE)[:, None], played


def follow(
    audio: np.ndarray, score: Score | Reference, rate: int = RATE, config: FollowConfig | None = None
) -> list[Position]:
    """All positions for the audio (sample, channel)."""
    return [event for event in events(audio, score, rate, config) if isinstance(event, Position)]


def events(
    audio: np.ndarray, score: Score | Reference, rate: int = RATE, config: FollowConfig | None = None
) -> list[Event]:
    """All events for the audio (sample, channel)."""
    config = config or FollowConfig()
    frames = follow_frames(AudioFormat(sample_rate=rate, n_channels=audio.shape[1]))
    return collect_frames(Chain(Stft(frames), Follower(frames, score, config)), audio.astype(np.float32))


def track(positions: list[Position], rate: int = RATE) -> PositionTrack:
    return track_of(positions, rate)
