"""Resample a whole recording by the live resampler."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.dsp.resample import ResampleConfig, Resampler

__all__ = ["resample"]

Audio = npt.NDArray[np.float32]


def resample(audio: Audio, source_rate: int, target_rate: int) -> Audio:
    """Return `audio` (sample, channel) at target_rate Hz, lined up with it and as long in seconds."""
    if source_rate == target_rate:
        return audio
    config = ResampleConfig(source_rate=source_rate, target_rate=target_rate, n_channels=audio.shape[1])
    resampler = Resampler(config)
    n = len(audio) * config.up // config.down
    silence = np.zeros(((resampler.latency + 1) * config.down // config.up + config.down, audio.shape[1]), np.float32)
    parts = [resampler.process(part).copy() for part in (audio, silence)]
    return np.concatenate(parts)[resampler.latency : resampler.latency + n]
