"""Cases of the stretched recording: places in, sound out; at its own pace, and bent, held, silent and cut."""

from __future__ import annotations

from functools import cache

import numpy as np

from engine.accompaniment.backing.recording import BackingRecording
from engine.accompaniment.backing.stretch import TimeStretch
from engine.core.format import AudioFormat
from tests.contract import Case, delayed
from tests.tolerances import EXACT, FLOAT32

RATE, N = 44100, 40_000
STEPS = 32768  # of 16 bits, which are kept exactly
NOISE = np.round(0.2 * STEPS * np.random.default_rng(8).standard_normal((N, 2))).clip(1 - STEPS, STEPS - 1) / STEPS
RECORDING = BackingRecording(AudioFormat(sample_rate=RATE, n_channels=2), [NOISE.astype(np.float32)])
OWN_PACE = np.arange(3 * N // 4) + 5000.0


def bent() -> np.ndarray:
    """Places that slow down, hold, stop, jump and hurry."""
    speed = np.repeat([1.0, 0.5, 0.0, 1.3, 2.0], 5000)
    places = 3000 + np.cumsum(speed)
    places[15_000:] += 6000
    places[12_000:13_000] = np.nan
    return places


def as_recorded(output: np.ndarray, signal: np.ndarray, latency: int) -> float:
    return delayed(output, NOISE[signal.astype(int)], latency)


@cache
def in_one_piece() -> np.ndarray:
    sound = np.array(TimeStretch(RECORDING).process(bent()))
    assert np.abs(sound).max() > 0.1, "it sounds"
    return sound


def as_in_one_piece(output: np.ndarray, signal: np.ndarray, latency: int) -> float:
    return delayed(output, in_one_piece()[TimeStretch(RECORDING).latency :], latency)


CASES = [
    Case("stretch, own pace", lambda: TimeStretch(RECORDING), OWN_PACE, as_recorded, tolerance=FLOAT32),
    Case("stretch, bent", lambda: TimeStretch(RECORDING), bent(), as_in_one_piece, tolerance=EXACT),
]
