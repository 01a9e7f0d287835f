"""Settings of following, and the frame format for a sample rate."""

from __future__ import annotations

from dataclasses import dataclass

from engine.core.config import Settings, choice, plain, ranged
from engine.core.format import AudioFormat, FrameFormat, frame_size
from engine.dsp.features import FeatureConfig
from engine.following.features import FollowerFeaturesConfig
from engine.following.likelihood import LikelihoodConfig
from engine.following.search.beam_search import SearchConfig
from engine.following.warping.config import FOLLOW_METHODS, FOLLOW_METHODS_TEXT, WarpConfig

__all__ = ["FollowConfig", "follow_frames", "onset_delay"]


N_FFT_44K1 = 2048  # frame size at 44.1 kHz; other rates use the power of two of the nearest duration
OVERLAP = 4  # hops a frame
# Delay of onset detection relative to the middle of a Hann window: hops, and frames.
RISE_HOPS, RISE_FRAMES = 0.9, 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowConfig(Settings):
    """How to follow a score."""

    lag: int = ranged(4, 0, 100, "how much later input a position waits for; more makes it more reliable", unit="hops")
    jumps: bool = plain(True, "allow the player to jump anywhere in the score at any time, and to begin anywhere")
    soon: bool = plain(
        False, "believe a jump on less evidence, so that an accompaniment is back sooner; a few more are wrong"
    )
    semitones: int = ranged(
        5, 0, 6, "range in which a transposed or differently tuned performance is found, up and down; 0 for none"
    )
    input_features: FollowerFeaturesConfig | None = plain(
        None,
        "features in addition to the spectral ones, or None; the Reference must be made with the same",
    )
    features: FeatureConfig = plain(FeatureConfig, "the spectral features")
    likelihood: LikelihoodConfig = plain(LikelihoodConfig, "weights of the likelihood")
    search: SearchConfig = plain(SearchConfig, "the beam search")
    method: str = choice(FOLLOW_METHODS[0], FOLLOW_METHODS, FOLLOW_METHODS_TEXT)
    warp: WarpConfig = plain(WarpConfig, "online time warping")


def follow_frames(audio: AudioFormat) -> FrameFormat:
    """Return the frame format of a Follower at this sample rate."""
    n_fft = frame_size(audio.sample_rate, at_44k1=N_FFT_44K1)
    return FrameFormat(audio=audio, n_fft=n_fft, hop=max(1, n_fft // OVERLAP))


def onset_delay(frames: FrameFormat) -> int:
    """Return the samples by which an onset is detected late, relative to the middle of a frame.

    The delay arises because the onset features compare frames `lag` apart.
    """
    return round(RISE_HOPS * frames.hop + RISE_FRAMES * frames.n_fft)
