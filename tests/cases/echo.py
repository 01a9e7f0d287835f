"""A case of the echo canceller: noise that a room returns, and a tone of somebody else's."""

from __future__ import annotations

from functools import cache

import numpy as np

from engine.dsp.echo import EchoCanceller, EchoConfig
from tests.contract import Case, delayed
from tests.tolerances import EXACT

CONFIG = EchoConfig(block=256, partitions=3)


def microphone_and_known(n: int = 24_000) -> np.ndarray:
    """(sample, 2): a tone with the echo of noise, which comes 300 samples after the noise, and the noise."""
    rng = np.random.default_rng(5)
    known = (0.2 * rng.standard_normal(n)).astype(np.float32)
    path = np.zeros(700)
    path[300:] = rng.standard_normal(400) * np.exp(-np.arange(400) / 60) / 10
    tone = 0.05 * np.sin(2 * np.pi * 0.01 * np.arange(n))
    return np.stack([np.convolve(known, path)[:n] + tone, known], axis=1).astype(np.float32)


SIGNAL = microphone_and_known()


@cache
def in_one_piece() -> np.ndarray:
    return EchoCanceller(CONFIG).process(SIGNAL).copy()


def as_in_one_piece(output: np.ndarray, signal: np.ndarray, latency: int) -> float:
    return delayed(output, in_one_piece()[: len(signal)], latency)


CASES = [Case("echo canceller", lambda: EchoCanceller(CONFIG), SIGNAL, as_in_one_piece, tolerance=EXACT)]
