"""Cases of whole pipelines: their stems and their events, each as a processor."""

from __future__ import annotations

import numpy as np

from engine.core.events import Event, Position
from engine.core.format import AudioFormat
from engine.pipeline.pipeline import Pipeline, PipelineConfig
from engine.score.score import make_score
from engine.separation.config import HpssConfig, MaskNetworkConfig, WienerConfig
from tests.contract import Case, delayed
from tests.networks.separation import small_file

AUDIO = AudioFormat(sample_rate=8000, n_channels=2)
RNG = np.random.default_rng(5)
SCALE = (60, 62, 64, 65, 67, 69, 71, 72)
NOTE = 4000  # samples a note
N_SHORT = 12_000  # samples, enough for networks, which take long


def melody() -> np.ndarray:
    """The scale in decaying harmonic tones with a little noise, (sample, 2)."""
    t = np.arange(NOTE) / AUDIO.sample_rate
    tones = [
        sum(np.sin(2 * np.pi * k * 440 * 2 ** ((pitch - 69) / 12) * t) / k for k in (1, 2, 3)) * np.exp(-4 * t)
        for pitch in SCALE
    ]
    mono = 0.2 * np.concatenate([np.zeros(NOTE), *tones])
    return (mono[:, None] + 0.001 * RNG.standard_normal((len(mono), 2))).astype(np.float32)


SCORE = make_score("scale", [(i / 2, 0.5, pitch, 64) for i, pitch in enumerate(SCALE)], tempi=[(0.0, 60.0)])
MODEL = small_file(sample_rate=8000, bandwidth_hz=4000.0)
NETWORK = PipelineConfig(separate=MaskNetworkConfig(model=MODEL), score=SCORE)
FILTERED = PipelineConfig(separate=MaskNetworkConfig(model=MODEL, wiener=WienerConfig()))
OTHER = AudioFormat(sample_rate=8820, n_channels=2)
BOTH = PipelineConfig(separate=HpssConfig(look_ahead=2), score=SCORE)


class Stems(Pipeline):
    """A pipeline of which only the stems are looked at."""

    def process(self, block: np.ndarray) -> np.ndarray:  # type: ignore[override]
        return super().process(block).stems


class Events(Pipeline):
    """A pipeline of which only the events are looked at."""

    def process(self, block: np.ndarray) -> list[Event]:  # type: ignore[override]
        return super().process(block).events

    @property
    def latency(self) -> int:
        assert self._follower is not None
        return self._follower.latency


def sum_of_stems(output: np.ndarray, signal: np.ndarray, latency: int) -> float:
    return delayed(output.sum(axis=1), signal, latency)


def delay_of_events(output: list[Event], signal: np.ndarray, latency: int) -> float:
    """0 where every position was given out exactly `latency` samples after its instant."""
    lags = [event.emitted_at - event.at for event in output if isinstance(event, Position)]
    assert lags
    return float(max(abs(lag - latency) for lag in lags))


CASES = [
    Case("stems of a pipeline", lambda: Stems(AUDIO, BOTH), melody(), sum_of_stems),
    Case("stems of a network beside a follower", lambda: Stems(AUDIO, NETWORK), melody()[:N_SHORT], sum_of_stems),
    Case("stems of a network, filtered", lambda: Stems(AUDIO, FILTERED), melody()[:N_SHORT], sum_of_stems),
    Case("stems of a network at another rate", lambda: Stems(OTHER, FILTERED), melody()[:N_SHORT], sum_of_stems),
    Case("events of a pipeline", lambda: Events(AUDIO, BOTH), melody(), delay_of_events),
]
