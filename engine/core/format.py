"""Define the formats of audio and frames, and convert between samples, frames and seconds."""

from __future__ import annotations

from dataclasses import dataclass

from engine.core.config import require

__all__ = ["MAX_HOP", "STEREO", "WINDOWS", "AudioFormat", "FrameFormat", "frame_size"]

MAX_RATE_HZ = 384_000
MAX_CHANNELS = 64
MAX_HOP = 1 << 17
STEREO = ("left-right", "mid-side")  # what two channels contain
WINDOWS = ("hann", "hamming", "blackman", "rectangular", "sine")  # window shapes of a frame


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioFormat:
    """Format of audio blocks: float32, axes (sample, channel).

    sample_rate: Hz, 1,000 to 384,000
    n_channels: 1 to 64
    """

    sample_rate: int
    n_channels: int

    def __post_init__(self) -> None:
        require("sample_rate", self.sample_rate, 1000, MAX_RATE_HZ)
        require("n_channels", self.n_channels, 1, MAX_CHANNELS)

    def seconds(self, samples: int) -> float:
        """Return the duration of `samples` in seconds."""
        return samples / self.sample_rate

    def samples(self, seconds: float) -> int:
        """Return the number of samples nearest to a duration in seconds."""
        return round(seconds * self.sample_rate)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameFormat:
    """Format of spectra: complex64, axes (frame, channel, bin), one frame every `hop` samples.

    Frame t covers the `n_fft` input samples from `first_sample(t)` on; samples before sample 0 are silence.
    """

    audio: AudioFormat
    n_fft: int
    hop: int

    def __post_init__(self) -> None:
        require("n_fft", self.n_fft, 16, MAX_HOP)
        require("hop", self.hop, 1, self.n_fft)

    @property
    def n_bins(self) -> int:
        """Return the number of bins of a frame: the non-negative frequencies."""
        return self.n_fft // 2 + 1

    @property
    def latency(self) -> int:
        """Return the samples by which frame t lags sample t * hop."""
        return self.n_fft - self.hop

    def first_sample(self, frame: int) -> int:
        """Return the input sample where a frame begins; negative for the first few."""
        return frame * self.hop - self.latency

    def centre(self, frame: int) -> int:
        """Return the input sample in the middle of a frame."""
        return self.first_sample(frame) + self.n_fft // 2

    def end(self, frame: int) -> int:
        """Return how many input samples are needed before a frame can be emitted."""
        return (frame + 1) * self.hop


def frame_size(sample_rate: int, *, at_44k1: int = 4096) -> int:
    """Return the power of two nearest in duration at `sample_rate` (Hz) to `at_44k1` samples at 44.1 kHz."""
    wanted = at_44k1 * sample_rate / 44100
    size = 16
    while size * 1.4142135623730951 < wanted:
        size *= 2
    return size
