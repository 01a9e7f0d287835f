"""All settings of following."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.core.config import require
from engine.core.format import AudioFormat, FrameFormat, frame_size
from engine.dsp.features import FeatureConfig
from engine.following.beam_search import SearchConfig
from engine.following.features import FollowerFeaturesConfig
from engine.following.jump_detector import JumpDetectorConfig
from engine.following.likelihood import LikelihoodConfig
from engine.following.tempo import TempoConfig
from engine.following.tone_templates import ToneConfig

__all__ = ["FollowConfig", "follow_frames", "onset_delay"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowConfig:
    """All settings of following.

    n_fft_44k1: frame size at 44.1 kHz, other rates take the power of two that lasts nearest as long; overlap: hops a
    frame; lag: hops by which the answer waits for what comes after; rise: hops, and rise_fft: frames, by which an
    onset is felt late in the middle of a Hann window; jumps: whether the player may go anywhere in the score at any
    time, and begin anywhere; hearing: what to follow by, None for the spectral features alone; it needs a Reference
    that was made with it.
    """

    n_fft_44k1: int = 2048
    overlap: int = 4
    lag: int = 4
    rise: float = 0.9
    rise_fft: float = 0.2
    jumps: bool = True
    input_features: FollowerFeaturesConfig | None = None
    features: FeatureConfig = field(default_factory=FeatureConfig)
    tone: ToneConfig = field(default_factory=ToneConfig)
    likelihood: LikelihoodConfig = field(default_factory=LikelihoodConfig)
    tempo: TempoConfig = field(default_factory=TempoConfig)
    search: SearchConfig = field(default_factory=SearchConfig)
    jump_detector: JumpDetectorConfig = field(default_factory=JumpDetectorConfig)

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


def onset_delay(frames: FrameFormat, config: FollowConfig) -> int:
    """Samples by which an onset is felt late in the middle of a frame: the features compare frames `lag` apart."""
    return round(config.rise * frames.hop + config.rise_fft * frames.n_fft)
