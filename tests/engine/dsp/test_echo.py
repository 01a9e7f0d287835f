"""The echo canceller: what a room returns of a known sound goes, what others play stays."""

from __future__ import annotations

import numpy as np
import pytest

from engine.core.errors import ConfigError
from engine.dsp.echo import EchoCanceller, EchoConfig
from tests.cases.echo import CONFIG, microphone_and_known

N = 120_000
SETTLED = 80_000
LEFT_DB = -20.0  # of an echo alone, once learnt
TALKING_DB = -6.0  # of an echo beneath a tone as loud


def power_db(signal: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(signal[SETTLED:] ** 2) + 1e-20))


def test_an_echo_goes() -> None:
    signal = microphone_and_known(N)
    tone = (0.05 * np.sin(2 * np.pi * 0.01 * np.arange(N))).astype(np.float32)
    alone = np.stack([signal[:, 0] - tone, signal[:, 1]], axis=1)
    left = EchoCanceller(CONFIG).process(alone)[:, 0]
    assert power_db(left) - power_db(alone[:, 0]) < LEFT_DB


def test_what_others_play_stays() -> None:
    signal = microphone_and_known(N)
    tone = (0.05 * np.sin(2 * np.pi * 0.01 * np.arange(N))).astype(np.float32)
    left = EchoCanceller(CONFIG).process(signal)[:, 0]
    assert power_db(left - tone) - power_db(signal[:, 0] - tone) < TALKING_DB


def test_nothing_known_nothing_taken() -> None:
    signal = microphone_and_known(N)
    signal[:, 1] = 0
    assert np.array_equal(EchoCanceller(CONFIG).process(signal)[:, 0], signal[:, 0])


def test_a_block_is_a_power_of_two() -> None:
    with pytest.raises(ConfigError, match="a power of two"):
        EchoConfig(block=300)
