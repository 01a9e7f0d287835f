"""Cases of following: the features and the follower itself, fed with the spectra of a played scale."""

from __future__ import annotations

import math

import numpy as np

from engine.core.events import Event, Position
from engine.core.format import AudioFormat
from engine.dsp.features import BEFORE, HALF_LIFE_S, Chroma, FeatureConfig, SpectralFeatures, feature_weights
from engine.dsp.filterbank import chroma_weights
from engine.dsp.stft import Stft
from engine.following.follower import FollowConfig, Follower, follow_frames
from engine.following.warping.config import WarpConfig
from tests.contract import Case, delayed
from tests.engine.following.play import RATE, scale, sound

SCORE = scale(12)
CONFIG = FollowConfig()
MATCH = FollowConfig(method="match", warp=WarpConfig(band_s=2.0, back_s=1.0, again_s=0.5))
FRAMES = follow_frames(AudioFormat(sample_rate=RATE, n_channels=2))
SIZES = (0, 1, 2, 3, 5, 50, 1000)


def spectra() -> np.ndarray:
    audio, _ = sound(SCORE)
    stereo = np.concatenate([audio, 0.5 * audio], axis=1)
    stereo += 1e-3 * np.random.default_rng(2).standard_normal(stereo.shape).astype(np.float32)
    return Stft(FRAMES).process(stereo).copy()


SPECTRA = spectra()


def power(signal: np.ndarray) -> np.ndarray:
    """The slow twin of the mean over channels."""
    return (np.abs(signal.astype(np.complex128)) ** 2).mean(axis=1)


def as_chroma(output: np.ndarray, signal: np.ndarray, latency: int) -> float:
    if latency % FRAMES.hop:
        return math.inf
    chroma = power(signal) @ chroma_weights(FRAMES).T.astype(np.float64)
    return delayed(output, chroma / chroma.max(axis=1, keepdims=True), latency // FRAMES.hop)


def as_features(config: FeatureConfig):
    """The slow twin: running peak, compression, difference to the blurred past, decay; in float64."""

    def misfit(output: np.ndarray, signal: np.ndarray, latency: int) -> float:
        if latency % FRAMES.hop:
            return math.inf
        x = np.sqrt(power(signal)) * (4 / FRAMES.n_fft) @ feature_weights(FRAMES, config).T.astype(np.float64)
        fall = 0.5 ** (FRAMES.hop / FRAMES.audio.sample_rate / HALF_LIFE_S)
        peak, last, rows, past = config.floor, 0.0, [], []
        for row in x:
            peak = max(peak * fall, config.floor, row.max())
            y = np.log1p(config.compression * row / peak)
            old = past[-config.lag] if len(past) >= config.lag else np.zeros_like(y)
            if len(past) < config.lag - (-FRAMES.n_fft // FRAMES.hop):  # what may be the noise of a room is no onset
                old = np.maximum(old, np.log1p(config.compression * BEFORE / peak))
            edges = "wrap" if config.kind == "chroma" else "edge"
            wide = np.pad(y, 1, mode=edges)
            past.append(np.maximum(np.maximum(wide[:-2], wide[2:]), y))
            last = np.maximum(np.maximum(y - old, 0), config.decay * last)
            rows.append(np.concatenate([y, last]))
        return delayed(output, np.array(rows), latency // FRAMES.hop)

    return misfit


def as_positions(output: list[Event], signal: np.ndarray, latency: int) -> float:
    """One position a frame, from the first that speaks of the input on, all exactly so late."""
    ends = [FRAMES.end(t) for t in range(len(signal)) if FRAMES.end(t) >= latency]
    stamps = [(p.at, p.emitted_at) for p in output if isinstance(p, Position)]
    return 0.0 if stamps == [(end - latency, end) for end in ends] else math.inf


def features(name: str, config: FeatureConfig) -> Case:
    return Case(name, lambda: SpectralFeatures(FRAMES, config), SPECTRA, as_features(config), sizes=SIZES)


class Sent:
    """A follower that is sent to a quarter after so many frames, wherever they are cut."""

    def __init__(self, at: int, quarter: float, config: FollowConfig = CONFIG) -> None:
        self._follower, self._at, self._quarter = Follower(FRAMES, SCORE, config), at, quarter
        self._n = 0

    @property
    def latency(self) -> int:
        return self._follower.latency

    def process(self, block: np.ndarray) -> list[Event]:
        before = max(0, min(self._at - self._n, len(block)))
        events = list(self._follower.process(block[:before]))
        if self._n <= self._at < self._n + len(block):
            self._follower.relocate(self._quarter)
        self._n += len(block)
        return events + self._follower.process(block[before:])

    def reset(self) -> None:
        self._follower.reset()
        self._n = 0


CASES = [
    Case("chroma", lambda: Chroma(FRAMES), SPECTRA, as_chroma, sizes=SIZES),
    features("band features", FeatureConfig()),
    features("onset-weighted chroma", FeatureConfig(kind="chroma", lag=3, decay=0.8)),
    Case("follower", lambda: Follower(FRAMES, SCORE, CONFIG), SPECTRA, as_positions, sizes=SIZES),
    Case("follower sent to a place", lambda: Sent(150, 2.0), SPECTRA, as_positions, sizes=SIZES),
    Case("follower as MATCH, sent to a place", lambda: Sent(150, 2.0, MATCH), SPECTRA, as_positions, sizes=SIZES),
    Case("follower as MATCH", lambda: Follower(FRAMES, SCORE, MATCH), SPECTRA, as_positions, sizes=SIZES),
]
