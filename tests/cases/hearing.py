"""Cases of what a follower hears besides spectral features, and of the follower that hears so."""

from __future__ import annotations

import math

import numpy as np

from engine.core.events import Event, Position
from engine.core.format import AudioFormat
from engine.dsp.features import FeatureConfig, SpectralFeatures
from engine.dsp.frontends import front_end
from engine.dsp.stft import Stft
from engine.following.config import FollowConfig, follow_frames
from engine.following.embedder import Embedder, EmbedderConfig
from engine.following.embedding_features import EmbeddingFeatures, follower_features
from engine.following.features import FollowerFeaturesConfig, OnsetDifference
from engine.following.follower import AudioFollower
from offline.following.score_rendering import reference_from_rendering
from tests.contract import Case
from tests.engine.following.play import RATE, scale, sound
from tests.networks.similarity import small_twin
from tests.tolerances import FLOAT32

AUDIO = AudioFormat(sample_rate=RATE, n_channels=2)
BANDS = FeatureConfig()
SHARE = 0.3
SIZES = (0, 1, 255, 256, 1000, 7000)


def played() -> np.ndarray:
    """Two seconds of a scale after a quarter of silence, in two channels."""
    audio, _ = sound(scale(8))
    mono = np.concatenate([np.zeros((RATE // 4, 1)), audio[: 2 * RATE]])
    return np.concatenate([mono, 0.5 * mono], axis=1).astype(np.float32)


FRAMES = follow_frames(AUDIO)
PLAYED = played()


def as_rising(output: np.ndarray, audio: np.ndarray, latency: int) -> float:
    """The slow twin: a front end's rows, and each less the greatest of three neighbours two frames before."""
    front = front_end("stft", AUDIO)
    if latency != front.latency:
        return math.inf
    y = front.process(audio).astype(np.float64)
    wide = np.pad(y, ((1, 0), (1, 1)), mode="edge")
    wide[0] = 0
    before = np.maximum(np.maximum(wide[:-1, :-2], wide[:-1, 2:]), wide[:-1, 1:-1])
    expected = np.concatenate([y, np.maximum(y - before, 0)], axis=1)
    return float(np.abs(output - expected).max() / expected.std())


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def as_learned(output: np.ndarray, audio: np.ndarray, latency: int) -> float:
    """The slow twin: bands and embeddings each by itself; at this rate their frames end together."""
    rows = SpectralFeatures(FRAMES, BANDS).process(Stft(FRAMES).process(audio)).astype(np.float64)
    if latency != FRAMES.n_fft // 2:
        return math.inf
    embedded = Embedder(EmbedderConfig(model=small_twin()), AUDIO).process(audio).astype(np.float64)
    n = rows.shape[1] // 2
    heard = np.sqrt(1 - SHARE) * unit(rows[:, :n]), np.sqrt(SHARE) * unit(embedded)
    sounds = np.concatenate(heard, axis=1) * (rows[:, :n].max(axis=1) >= np.log1p(0.003 * BANDS.compression))[:, None]
    expected = np.concatenate([sounds, rows[:, n:]], axis=1)
    return float(np.abs(output - expected).max() / expected.std())


CONFIG = FollowConfig(input_features=FollowerFeaturesConfig(name="stft"))
REFERENCE = reference_from_rendering(scale(8), AUDIO, CONFIG)


def follower() -> AudioFollower:
    assert CONFIG.input_features is not None
    return AudioFollower(follower_features(CONFIG.input_features, FRAMES, CONFIG.features), RATE, REFERENCE, CONFIG)


SEARCHING = FollowConfig(
    input_features=FollowerFeaturesConfig(name="learned", weights=small_twin(), share=SHARE), semitones=2
)
SEARCHED = reference_from_rendering(scale(8), AUDIO, SEARCHING)


def higher() -> np.ndarray:
    """What is played, two semitones higher and faster by as much."""
    factor = 2 ** (2 / 12)
    at = np.arange(0, len(PLAYED) - 1, factor)
    return np.stack([np.interp(at, np.arange(len(PLAYED)), channel) for channel in PLAYED.T], axis=1).astype(np.float32)


def searching_follower() -> AudioFollower:
    """It finds the pitch on the way (`test_pitch_search`), retunes both kinds of features and takes over a path."""
    assert SEARCHING.input_features is not None
    ears = follower_features(SEARCHING.input_features, FRAMES, SEARCHING.features)
    return AudioFollower(ears, RATE, SEARCHED, SEARCHING)


def as_positions(output: list[Event], audio: np.ndarray, latency: int) -> float:
    """One position a frame, from the first that speaks of the input on, all exactly so late."""
    ends = [end for end in range(FRAMES.hop, len(audio) + 1, FRAMES.hop) if end >= latency]
    stamps = [(p.at, p.emitted_at) for p in output if isinstance(p, Position)]
    return 0.0 if stamps == [(end - latency, end) for end in ends] else math.inf


CASES = [
    Case("rising front end", lambda: OnsetDifference(front_end("stft", AUDIO), RATE), PLAYED, as_rising, sizes=SIZES),
    Case(
        "learned hearing",
        lambda: EmbeddingFeatures(small_twin(), SpectralFeatures(FRAMES, BANDS), FRAMES, SHARE),
        PLAYED,
        as_learned,
        tolerance=FLOAT32,
        sizes=SIZES,
    ),
    Case("follower by a front end", follower, PLAYED, as_positions, sizes=SIZES),
    Case("learned follower with pitch search", searching_follower, higher(), as_positions, sizes=SIZES),
]
