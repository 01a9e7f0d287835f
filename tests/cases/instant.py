"""Cases of separation by masks of the past: whatever the filters do, the stems sum to what went in."""

from __future__ import annotations

import numpy as np

from engine.core.format import AudioFormat
from engine.separation.config import InstantConfig, MaskNetworkConfig
from engine.separation.instant import InstantSeparator
from tests.contract import Case, delayed
from tests.networks.separation import small_file


def noise(n_channels: int) -> np.ndarray:
    """Noise whose level leaps, (sample, channel)."""
    rng = np.random.default_rng(0)
    sound = 0.1 * rng.standard_normal((9000, n_channels)).astype(np.float32)
    sound[4000:4500] *= 8
    return sound


def instant(
    n_channels: int, rate: int = 44100, *, delay_ms: float = 2.9, turns: int = 1, **network: object
) -> InstantSeparator:
    settings = InstantConfig(delay_ms=delay_ms, length_ms=5.0, turns=turns)
    config = MaskNetworkConfig(model=small_file(**network), instant=settings)
    return InstantSeparator(config, AudioFormat(sample_rate=rate, n_channels=n_channels))


def sum_of_stems(output: np.ndarray, given: np.ndarray, latency: int) -> float:
    return delayed(output.sum(axis=1), np.where(np.isfinite(given), given, 0), latency)


CASES = [
    Case(f"instant {name}", lambda n=n, more=more: instant(n, **more), noise(n), sum_of_stems)  # type: ignore[arg-type]
    for name, n, more in [
        ("stereo", 2, {}),
        ("mono", 1, {"level": 0.05}),
        ("of mid and side", 2, {"network": "bands", "stereo": "mid-side"}),
        ("of mid and side, mono", 1, {"network": "bands", "stereo": "mid-side"}),
        ("at another rate", 2, {"rate": 48000}),
        ("with little delay", 2, {"delay_ms": 0.1}),
        ("of networks in turn", 2, {"turns": 3, "hop": 128}),
    ]
]
