"""Front ends by name: audio to features, for live following, whole files and training.

At any sample rate, hop and windows have the same duration, rounded to samples, so that bin k of a feature is the same
frequency at every rate and frame t nearly the same instant: 1,024 and 2,048 samples at 44.1 kHz, 23 and 46 ms.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.core.config import Settings, check, ranged, require, require_one_of
from engine.core.format import AudioFormat, FrameFormat
from engine.core.processor import Chain, Processor
from engine.dsp.constant_q import HOP_S, Cqt, CqtConfig
from engine.dsp.features import Chroma
from engine.dsp.magnitude import Fold, Magnitude, fold_weights
from engine.dsp.semigram import Semigram, SemigramConfig
from engine.dsp.stft import Stft

__all__ = ["FRONT_ENDS", "FrontEnd", "FrontEndConfig", "front_end"]

FRONT_ENDS = ("stft", "cqt", "vqt", "chroma", "cqt_chroma", "semigram")
WINDOW = "hamming"
SHORT_GAMMA = 8.0  # Hz: the longest kernel of "vqt" lasts 101 ms instead of 529


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontEndConfig(Settings):
    """Settings of the front ends; each applies to the front ends that have it."""

    hop_s: float = ranged(HOP_S, 0.002, 0.1, "time between frames", unit="s")
    window_s: float = ranged(
        2 * HOP_S, 0.002, 0.5, "window length of the short-time transforms, at least a hop", unit="s"
    )
    n_bins: int = ranged(512, 1, 1 << 14, "number of bins of stft, 21.5 Hz each at the default window")
    compression: float = ranged(100.0, 0.0, 1e6, "c in log(1 + c x) for stft, cqt and vqt; 0 for none")
    n_octaves: int = ranged(6, 1, 10, "octaves of the constant-Q transforms, from 65.4 Hz up")
    bins_per_octave: int = ranged(24, 6, 96, "bins per octave of the constant-Q transforms")

    def __post_init__(self) -> None:
        check(self)
        require("window_s", self.window_s, self.hop_s, 0.5)


class FrontEnd:
    """Audio (sample, channel) in, features (frame, n_features) out, one frame every `hop` input samples.

    Frame t describes input sample `centre(t)` = (t + 1) * hop - latency, the middle of its window, and is emitted with
    sample (t + 1) * hop - 1.
    """

    def __init__(self, node: Processor[Any, Any], *, n_features: int, hop: int, latency: int) -> None:
        self._node = node
        self.n_features, self.hop, self.latency = n_features, hop, latency

    def centre(self, frame: int) -> int:
        """Return the input sample that frame `frame` describes, negative for the first few."""
        return (frame + 1) * self.hop - self.latency

    def process(self, block: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the frames that the block completes, borrowed until the next call."""
        features: npt.NDArray[np.float32] = self._node.process(block)
        return features

    def reset(self) -> None:
        """Return to the state after construction."""
        self._node.reset()


def front_end(name: str, audio: AudioFormat, config: FrontEndConfig | None = None) -> FrontEnd:
    """Make the front end `name`, one of FRONT_ENDS.

    stft: magnitudes of 46 ms Hamming windows
    cqt: 24 bins an octave from 65.4 Hz, windows of half a second in the bass
    vqt: the same bins with windows of at most 101 ms, for live use
    chroma: of the stft, loudest 1
    cqt_chroma: the cqt's bins folded to pitch classes, loudest 1
    semigram: semitone bands, each frame of unit length
    """
    require_one_of("front end", name, FRONT_ENDS)
    config = config or FrontEndConfig()
    if name in ("stft", "chroma"):
        return _short_time(name, audio, config)
    if name == "semigram":
        semigram = Semigram(SemigramConfig(hop_s=config.hop_s), audio)
        return FrontEnd(semigram, n_features=semigram.n_features, hop=semigram.hop, latency=semigram.latency)
    cqt = Cqt(_constant_q(name, config), audio)
    if name != "cqt_chroma":
        return FrontEnd(cqt, n_features=cqt.n_features, hop=cqt.hop, latency=cqt.latency)
    fold = Fold(fold_weights(cqt.config.low_hz, cqt.config.bins_per_octave, cqt.n_features))
    return FrontEnd(Chain(cqt, fold), n_features=12, hop=cqt.hop, latency=cqt.latency)


def _constant_q(name: str, config: FrontEndConfig) -> CqtConfig:
    return CqtConfig(
        bins_per_octave=config.bins_per_octave,
        n_octaves=config.n_octaves,
        hop_s=config.hop_s,
        gamma=SHORT_GAMMA if name == "vqt" else 0.0,
        compression=0.0 if name == "cqt_chroma" else config.compression,
    )


def _short_time(name: str, audio: AudioFormat, config: FrontEndConfig) -> FrontEnd:
    hop = max(1, audio.samples(config.hop_s))
    frames = FrameFormat(audio=audio, n_fft=max(16, hop, audio.samples(config.window_s)), hop=hop)
    node: Processor[Any, Any]
    if name == "chroma":
        node, n_features = Chroma(frames), 12
    else:
        node = Magnitude(frames, name=WINDOW, n_bins=config.n_bins, compression=config.compression)
        n_features = config.n_bins
    latency = frames.n_fft - frames.n_fft // 2
    return FrontEnd(Chain(Stft(frames, window=WINDOW), node), n_features=n_features, hop=hop, latency=latency)
