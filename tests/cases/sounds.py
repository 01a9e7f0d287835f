"""Cases of sound event detection: the causal node and the node that hears windows again and again."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from engine.events import Sound
from engine.format import AudioFormat
from engine.inference.crnn import SoundConfig, SoundDetector
from engine.inference.decide import DecisionConfig
from tests.cases.decisions import CAREFUL
from tests.contract import Case
from tests.inference.sound_files import small_crnn_file

QUICK = DecisionConfig(median=1)


def noise(rate: int, n_channels: int) -> np.ndarray:
    """Three seconds of noise that swells and stops."""
    time_s = np.arange(3 * rate)[:, None] / rate
    swell = 0.3 * np.abs(np.sin(7 * time_s)) ** 3
    return (swell * np.random.default_rng(1).standard_normal((3 * rate, n_channels))).astype(np.float32)


def by_sample(output: list[Sound], signal: np.ndarray, latency: int) -> float:
    """No event comes later than declared, and the latest comes just so late (`at` is cut to the start of the input)."""
    waits = [event.emitted_at - event.at for event in output if event.at > 0]
    return 0.0 if waits and latency - 3 <= max(waits) <= latency else math.inf


def detector(decision: DecisionConfig, audio: AudioFormat, settings: dict[str, Any]) -> Callable[[], SoundDetector]:
    causal = settings.pop("causal", True)
    model = small_crnn_file(causal=True, look_ahead=1) if causal else small_crnn_file()
    return lambda: SoundDetector(SoundConfig(model=model, decision=decision, **settings), audio)


CASES = [
    Case(
        f"sounds {name}",
        detector(decision, AudioFormat(sample_rate=rate, n_channels=n), settings),
        noise(rate, n),
        by_sample,
    )
    for name, decision, rate, n, settings in [
        ("causal", QUICK, 22050, 1, {}),
        ("careful, in blocks, stereo", CAREFUL, 22050, 2, {"block": 3}),
        ("resampled", QUICK, 48000, 2, {}),
        ("by windows", QUICK, 22050, 1, {"causal": False, "window": 20, "ahead": 4, "block": 3}),
    ]
]
