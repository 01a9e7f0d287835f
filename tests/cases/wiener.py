"""Cases of the streaming Wiener filter: whatever it does to the stems, they sum to what went in."""

from __future__ import annotations

import numpy as np

from engine.core.format import AudioFormat, FrameFormat
from engine.separation.config import WienerConfig
from engine.separation.wiener import Wiener
from tests.contract import Case, delayed


def stems(n_channels: int) -> np.ndarray:
    """Three targets of noise, (frame, target, channel, bin), the first in one place of the stereo image."""
    rng = np.random.default_rng(0)
    shape = (300, 3, n_channels, 33)
    noise = (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(np.complex64)
    noise[:, 0] = noise[:, 0, :1] * np.linspace(1, 0.2, n_channels, dtype=np.float32)[:, None]
    return noise


def wiener(n_channels: int, n_targets: int = 3, **settings: object) -> Wiener:
    audio = AudioFormat(sample_rate=8000, n_channels=n_channels)
    frames = FrameFormat(audio=audio, n_fft=64, hop=16)
    return Wiener(frames, WienerConfig(**settings), n_targets=n_targets)  # type: ignore[arg-type]


def sum_of_stems(output: np.ndarray, given: np.ndarray, latency: int) -> float:
    return delayed(output.sum(axis=1), np.where(np.isfinite(given), given, 0).sum(axis=1), latency)


CASES = [
    Case(
        name, lambda n=n, settings=settings: wiener(n, **settings), stems(n), sum_of_stems, sizes=(0, 1, 2, 3, 16, 100)
    )
    for name, n, settings in [
        ("wiener stereo", 2, {}),
        ("wiener stereo without posterior", 2, {"posterior": False}),
        ("wiener mono", 1, {}),
        ("wiener of three channels", 3, {"forgetting": 0.5}),
    ]
]
