"""Live playing on a clock that jumps: every note at its sample, whatever the player and the tempo do."""

from __future__ import annotations

import numpy as np
import pytest

from cli.live.live_generator import LiveGenerator, LiveGeneratorConfig
from engine.midi.clock import CLOCK, START
from engine.midi.notes import note_off, note_on
from offline.generation.stream import FREE, FrameGenerator

RATE = 48000


class Scale(FrameGenerator):
    """Four voices; the first climbs by a semitone a step and the others hold."""

    def __init__(self) -> None:
        super().__init__(4)
        self.n = 0
        self.given: list[np.ndarray | None] = []

    def step(self, given: np.ndarray | None = None) -> np.ndarray:
        self.given.append(given)
        frame = np.array([60 + self.n % 12, 55, 50, 40])
        if given is not None and given[0] != FREE:
            frame[0] = given[0]
        self.n += 1
        return frame


class Recorder:
    """A sink whose time moves only when set."""

    def __init__(self) -> None:
        self.time = 0
        self.sample_rate = RATE
        self.sent: list[tuple[int, bytes]] = []

    def now(self) -> int:
        return self.time

    def send(self, at: int, message: bytes) -> None:
        self.sent.append((at, message))


def test_every_step_sounds_at_its_sample_and_early_enough() -> None:
    sink = Recorder()
    player = LiveGenerator(Scale(), sink, LiveGeneratorConfig(tempo_bpm=97, look_ahead_s=0.1))
    before = sink.now()
    while player.step < 200:
        player.advance()
        sink.time += RATE // 40
    strikes = [at for at, m in sink.sent if m[0] == 0x90]
    per_step = RATE * 60 / 97 / 4
    assert strikes == [before + round(0.3 * RATE) + round(k * per_step) for k in range(len(strikes))]
    assert len(strikes) >= 200
    assert sum(1 for _, m in sink.sent if m[0] & 0xF0 == 0x90) == len(strikes) + 3


def test_a_player_is_accompanied() -> None:
    sink, source = Recorder(), Scale()
    player = LiveGenerator(
        source, sink, LiveGeneratorConfig(tempo_bpm=60, look_ahead_s=0.02, start_s=0, accompany=True)
    )
    player.advance()
    assert source.given[0] is None
    player.take(100, note_on(0, 72, 90))
    sink.time += RATE // 4
    player.advance()
    assert source.given[1] is not None and source.given[1][0] == 72
    player.take(200, note_off(0, 72))
    sink.time += RATE // 4
    player.advance()
    assert source.given[2] is not None and source.given[2][0] == -1
    assert not [m for _, m in sink.sent if m[0] in (0x90, 0x80)]  # the player's own voice is left to the player


def test_a_clock_that_comes_in_is_followed() -> None:
    sink = Recorder()
    player = LiveGenerator(Scale(), sink, LiveGeneratorConfig(look_ahead_s=0.05, follow=True))
    assert player.advance() == 0
    player.take(0, bytes((START,)))
    for k in range(24 * 8):  # 125 a minute: a tick every 960 samples
        sink.time = 5000 + k * 960
        player.take(sink.now(), bytes((CLOCK,)))
        player.advance()
    strikes = np.array([at for at, m in sink.sent if m[0] == 0x90])
    expected = 5000 + np.arange(len(strikes)) * 6 * 960
    assert len(strikes) >= 8 * 4
    assert np.abs(strikes - expected)[1:].max() <= 2
    assert player.follower.tempo_bpm == pytest.approx(125, rel=1e-3)
