"""A whole recording at another rate: lined up, as long, and as scipy would have it."""

from __future__ import annotations

import numpy as np
import pytest

from offline.resample import resample

PASSED = 1e-4  # of the amplitude: the filter's ripple at -100 dB and its edges


@pytest.mark.parametrize(("source", "target"), [(44100, 22050), (22050, 48000), (48000, 44100), (8000, 44100)])
def test_a_tone_stays_in_place(source: int, target: int) -> None:
    def tone(rate: int) -> np.ndarray:
        t = np.arange(rate) / rate
        return np.stack([np.sin(2 * np.pi * 997 * t), np.cos(2 * np.pi * 997 * t)], axis=1).astype(np.float32)

    given, expected = resample(tone(source), source, target), tone(target)
    assert abs(len(given) - len(expected)) <= 1
    middle = slice(target // 10, 9 * target // 10)
    assert np.abs(given[middle] - expected[middle]).max() < PASSED


def test_the_same_rate_is_the_same_audio() -> None:
    audio = np.ones((10, 1), np.float32)
    assert resample(audio, 44100, 44100) is audio
