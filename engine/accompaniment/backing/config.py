"""How a recording is bent to the soloist's pace."""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.core.config import Settings, check, plain, ranged
from engine.core.format import MAX_HOP, AudioFormat, FrameFormat, frame_size
from engine.separation.config import HpssConfig

__all__ = ["GlideConfig", "StretchConfig"]

OVERLAP = 4  # frames that cover a sample


@dataclass(frozen=True, slots=True, kw_only=True)
class StretchConfig(Settings):
    """How a recording is stretched."""

    n_fft: int | None = ranged(
        None,
        64,
        MAX_HOP,
        "frame of the vocoder, else the power of two nearest as long as 2048 at 44.1 kHz",
        unit="samples",
    )
    separation: HpssConfig = plain(
        lambda: HpssConfig(spatial=False),
        "what is percussive in an attack; its frame is half the vocoder's unless given",
    )
    grain_ms: float = ranged(5.8, 1, 50, "frame of the overlap-add of what is percussive", unit="ms")
    attack_ms: float = ranged(
        15.0, 0, 40, "how long after an attack it is percussive and keeps its own pace", unit="ms"
    )
    fade_ms: float = ranged(10.0, 1, 40, "length of the cross-fade at a cut", unit="ms")

    def __post_init__(self) -> None:
        check(self)

    def frames(self, audio: AudioFormat) -> FrameFormat:
        """Return the frame format of the vocoder."""
        n_fft = self.n_fft or frame_size(audio.sample_rate) // 2
        return FrameFormat(audio=audio, n_fft=n_fft, hop=n_fft // OVERLAP)

    def separating(self, audio: AudioFormat) -> HpssConfig:
        """Return the settings of the separation with its frame filled in."""
        if self.separation.n_fft is not None:
            return self.separation
        return replace(self.separation, n_fft=self.frames(audio).n_fft // 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class GlideConfig(Settings):
    """How a recording keeps with the soloist."""

    glide_s: float = ranged(0.2, 0.02, 5, "time constant in which a recording catches up", unit="s")
    cut_s: float = ranged(0.3, 0.05, 10, "cut, with a cross-fade, where it is later than this", unit="s")
    worth_s: float = ranged(
        0.015,
        0,
        1,
        "cut to an attack that had to wait where it comes so much sooner; more makes fewer cuts, and later attacks",
        unit="s",
    )
    fastest: float = ranged(2.0, 1, 2.4, "highest rate at which it is played, of its own")
    coast_s: float = ranged(0.15, 0, 2, "how long it goes on at the pace before it holds its sound", unit="s")
    fade_after_s: float = ranged(8.0, 0.5, 600, "how long it holds a sound before that fades", unit="s")
