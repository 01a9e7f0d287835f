"""Convert between samples, log-mel frames and steps of four frames, as the sound event networks count them.

Boes & Van hamme (2021), section 4.2: 128 log-mel bands of windows of 2048 samples every 366 samples at 22.05 kHz;
two time poolings by two (table 2) make four frames a step of 66.4 ms.
"""

from __future__ import annotations

from engine.core.format import AudioFormat, FrameFormat

__all__ = ["MEL_BANDS", "SOUND_FRAMES", "SOUND_RATE", "STEP", "STEP_FRAMES", "step_begin", "step_end"]

SOUND_RATE = 22050
MEL_BANDS = 128
SOUND_FRAMES = FrameFormat(audio=AudioFormat(sample_rate=SOUND_RATE, n_channels=1), n_fft=2048, hop=366)
STEP_FRAMES = 4
STEP = STEP_FRAMES * SOUND_FRAMES.hop  # samples


def step_begin(step: int) -> int:
    """Return the sample at 22.05 kHz where a step begins: half a step before the mean of its frames' centres."""
    middle = (SOUND_FRAMES.centre(STEP_FRAMES * step) + SOUND_FRAMES.centre(STEP_FRAMES * step + STEP_FRAMES - 1)) // 2
    return middle - STEP // 2


def step_end(step: int) -> int:
    """Return how many samples at 22.05 kHz are needed until the log-mel frames of a step are complete."""
    return SOUND_FRAMES.end(STEP_FRAMES * step + STEP_FRAMES - 1)
