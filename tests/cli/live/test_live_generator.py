"""Live playing on a clock that jumps: every note at its sample, whatever the player and the tempo do."""

from __future__ import annotations

import numpy as np
import pytest

from cli.live.live_generator import LiveGenerator, LiveGeneratorConfig
from engine.midi.clock import CLOCK, START, STOP
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

    def stop(self) -> None:
        self.sent = [(at, message) for at, message in self.sent if at <= self.time]
        self.sent += [(self.time, note_off(channel, pitch)) for channel, pitch in sounding(self.sent)]


def sounding(sent: list[tuple[int, bytes]]) -> set[tuple[int, int]]:
    """The notes, as (channel, pitch), that sound after all messages."""
    found: set[tuple[int, int]] = set()
    for _, message in sorted(sent, key=lambda one: (one[0], one[1][0] & 0xF0 == 0x90)):
        (found.add if message[0] & 0xF0 == 0x90 else found.discard)((message[0] & 15, message[1]))
    return found


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


def played(sections: list[tuple[list[bytes], float, int]]) -> list[tuple[int, bytes]]:
    """What is sent while a clock comes in: sections of messages, tempo and ticks."""
    sink = Recorder()
    player = LiveGenerator(Scale(), sink, LiveGeneratorConfig(look_ahead_s=0.05, follow=True))
    at = 5000.0
    for messages, tempo, n_ticks in sections:
        for message in messages:
            player.take(sink.now(), message)
        for _ in range(n_ticks):
            while sink.now() < round(at):
                sink.time += min(240, round(at) - sink.now())
                player.advance()
            player.take(sink.now(), bytes((CLOCK,)))
            player.advance()
            at += RATE * 60 / tempo / 24
    return sink.sent


@pytest.mark.parametrize("tempo", [60, 66, 80, 150, 240])
def test_it_plays_right_after_a_change_of_tempo(tempo: float) -> None:
    sent = played([([bytes((START,))], 120, 24 * 4), ([], tempo, 24 * 8)])
    strikes = np.array([at for at, m in sent if m[0] == 0x90])
    change = 5000 + 24 * 4 * RATE * 60 / 120 / 24
    per_step = RATE * 60 / tempo / 4
    after = strikes[strikes > change + 4 * per_step]  # one beat later
    steps = (after - change) / per_step
    assert len(after) >= 4 * 6
    assert np.abs(steps - np.rint(steps)).max() < 0.02
    assert np.diff(np.rint(steps)).tolist() == [1] * (len(steps) - 1)  # nothing left out, nothing twice


@pytest.mark.parametrize("tempo", [60, 120, 200])
def test_a_start_at_another_tempo_begins_with_the_next_segment(tempo: float) -> None:
    sent = played([([bytes((START,))], 120, 24 * 4), ([bytes((STOP,))], 120, 24), ([bytes((START,))], tempo, 24 * 4)])
    strikes = [at for at, m in sent if m[0] == 0x90]
    stopped, started = (5000 + n * RATE * 60 / 120 / 24 for n in (24 * 4, 24 * 5))
    assert not [at for at in strikes if stopped < at < started - 1]
    assert not sounding([(at, m) for at, m in sent if at < started - 1])  # nothing sounds while the clock stands
    again = np.array([at for at in strikes if at >= started - 1])
    steps = (again - started) / (RATE * 60 / tempo / 4)
    assert np.rint(steps).astype(int).tolist() == list(range(len(again)))
    assert np.abs(steps[2:] - np.rint(steps[2:])).max() < 0.05


def test_it_goes_on_where_it_was_on_a_port_opened_again() -> None:
    sink = Recorder()
    player = LiveGenerator(Scale(), sink, LiveGeneratorConfig(tempo_bpm=120, look_ahead_s=0.1))
    for _ in range(100):
        sink.time += RATE // 100
        player.advance()
    before, other = [m[1] for _, m in sink.sent if m[0] == 0x90], Recorder()
    player.move_to(other)
    for _ in range(100):
        other.time += RATE // 100
        player.advance()
    after = [(at, m[1]) for at, m in other.sent if m[0] == 0x90]
    pitches = [*before, *(pitch for _, pitch in after)]
    assert pitches == [60 + n % 12 for n in range(len(pitches))]
    assert [at for at, _ in after] == [round(0.3 * RATE) + 6000 * n for n in range(len(after))]
