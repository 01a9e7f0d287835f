"""Cases of the core: a chain of two delays."""

from __future__ import annotations

import numpy as np

from engine.core.processor import Chain
from tests.contract import Case, delayed
from tests.probes import Delay

NOISE = np.random.default_rng(0).standard_normal((20_000, 2)).astype(np.float32)


def as_delay(output: np.ndarray, signal: np.ndarray, latency: int) -> float:
    return delayed(output, np.nan_to_num(signal), latency)


CASES = [
    Case("delay", lambda: Delay(100), NOISE, as_delay),
    Case("chain of delays", lambda: Chain(Delay(100), Delay(7)), NOISE, as_delay),
]
