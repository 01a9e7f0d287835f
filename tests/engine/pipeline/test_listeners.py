"""Nodes that a user adds to the pipeline: their events come in order, with the others'."""

from __future__ import annotations

import pickle
from dataclasses import dataclass

import numpy as np

from engine.core.config import Settings, ranged
from engine.core.events import Event, Note
from engine.core.format import AudioFormat
from engine.pipeline import Pipeline, PipelineConfig

AUDIO = AudioFormat(sample_rate=8000, n_channels=2)


class Ticks:
    """A note every `period` samples, told when the period is over."""

    def __init__(self, period: int) -> None:
        self.period, self.latency = period, period
        self.reset()

    def process(self, block: np.ndarray) -> list[Event]:
        first, self._n = self._n // self.period, self._n + len(block)
        return [
            Note(at=i * self.period, emitted_at=(i + 1) * self.period, pitch=60, velocity=1, channel=0, active=True)
            for i in range(first, self._n // self.period)
        ]

    def reset(self) -> None:
        self._n = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TicksConfig(Settings):
    """How often a tick comes."""

    period: int = ranged(100, 1, 10_000, "samples between ticks", unit="samples")

    def build(self, audio: AudioFormat) -> Ticks:
        return Ticks(self.period)


def events(config: PipelineConfig) -> list[Event]:
    pipeline = Pipeline(AUDIO, config)
    blocks = np.zeros((1000, 2), np.float32), np.zeros((37, 2), np.float32), np.zeros((963, 2), np.float32)
    return [event for block in blocks for event in pipeline.process(block).events]


def test_events_of_two_listeners_come_in_order() -> None:
    config = PipelineConfig(listeners=(TicksConfig(period=300), TicksConfig(period=100)))
    emitted = [event.emitted_at for event in events(config)]
    assert emitted == sorted([*range(300, 2001, 300), *range(100, 2001, 100)])
    assert Pipeline(AUDIO, config).lag == 300


def test_settings_of_listeners_cross_processes() -> None:
    config = PipelineConfig(listeners=(TicksConfig(period=300),))
    assert events(pickle.loads(pickle.dumps(config))) == events(config)


def test_a_reset_reaches_them() -> None:
    pipeline = Pipeline(AUDIO, PipelineConfig(listeners=(TicksConfig(period=300),)))
    block = np.zeros((400, 2), np.float32)
    first = pipeline.process(block).events
    pipeline.reset()
    assert pipeline.process(block).events == first
