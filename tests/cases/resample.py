"""Cases of the resampler: sines at another rate, where the formula says what to expect."""

from __future__ import annotations

import numpy as np

from engine.dsp.resample import ResampleConfig, Resampler
from engine.separation.resampled import ResampledSeparator
from tests.contract import Case, delayed
from tests.probes import Delay
from tests.tolerances import RESAMPLED

N = 47_040  # whole periods of every ratio below
FREQUENCIES_HZ = (440.0, 3000.0)


def tone(rate: int, n: int) -> np.ndarray:
    """Sines that begin and end softly, so that silence before and after is no edge; (sample, 2)."""
    t = np.arange(n) / rate
    swell = np.sin(np.pi * np.clip(t * rate / n, 0, 1)) ** 4
    return np.stack([swell * np.sin(2 * np.pi * f * t) for f in FREQUENCIES_HZ], 1)


def case(source: int, target: int) -> Case:
    def misfit(output: np.ndarray, signal: np.ndarray, latency: int) -> float:
        n = N * target // source
        return delayed(output, tone(target, n)[: len(output) - latency], latency)

    config = ResampleConfig(source_rate=source, target_rate=target, n_channels=2)
    signal = tone(source, N).astype(np.float32)
    return Case(f"resampler {source} to {target}", lambda: Resampler(config), signal, misfit, tolerance=RESAMPLED)


class Split(Delay):
    """All of the input in the first of two stems, late by 100 samples."""

    def process(self, block: np.ndarray) -> np.ndarray:
        late = super().process(block)
        return np.stack([late, np.zeros_like(late)], axis=1)


def there_and_back(rate: int, inner: int) -> Case:
    def misfit(output: np.ndarray, signal: np.ndarray, latency: int) -> float:
        first, sound = output[:, 0], tone(rate, N).astype(np.float32)
        return max(delayed(first, sound, latency), delayed(output.sum(axis=1), np.nan_to_num(sound), latency))

    def build() -> ResampledSeparator:
        return ResampledSeparator(Split(100), rate=rate, inner_rate=inner, n_channels=2, n_targets=2)

    name = f"separation at {inner} of {rate}"
    return Case(name, build, tone(rate, N).astype(np.float32), misfit, tolerance=2 * RESAMPLED)


CASES = [case(44100, 48000), case(48000, 44100), case(96000, 48000), case(48000, 96000)]
CASES += [there_and_back(48000, 44100), there_and_back(44100, 48000)]
