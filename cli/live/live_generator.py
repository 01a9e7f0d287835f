"""Live generation: changes are sent to a MIDI port a little before they sound, on the port's clock.

As in ReaLJam, two settings matter: how early messages are sent, which covers slow steps and a busy machine, and how
much is already fixed when the player's note comes, which is a segment of the generator.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from engine.core.config import Settings, plain, ranged
from engine.midi.clock import POSITION, START, STOP
from engine.midi.clock_follower import ClockFollower
from engine.midi.notes import note_off, note_on
from offline.generation.stream import FREE, Generator, Melody, Segment
from offline.music.piece import REST

__all__ = ["HeldMelody", "LiveGenerator", "LiveGeneratorConfig", "Sink"]

DRUMS = 9
SIXTEENTHS = 4  # to a quarter: the unit of a song position
KEPT = 4096  # steps of the player's melody that are kept


class Sink(Protocol):
    """Where messages go, and its clock."""

    sample_rate: int

    def now(self) -> int:
        """Return the time, samples."""
        ...

    def send(self, at: int, message: bytes) -> None:
        """Send a message that sounds at sample `at`."""
        ...

    def stop(self) -> None:
        """Drop what has not sounded yet, and end what sounds."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveGeneratorConfig(Settings):
    """Set how a generator plays live."""

    tempo_bpm: float = ranged(100.0, 10, 1000, "tempo", unit="quarters a minute")
    look_ahead_s: float = ranged(0.15, 0.005, 10, "how early notes are sent", unit="s")
    ahead_s: float = ranged(
        0.0, 0, 600, "how early music is written besides, for those who look at what comes", unit="s"
    )
    start_s: float = ranged(0.3, 0, 60, "silence before the first step", unit="s")
    velocity: int = ranged(0, 0, 127, "velocity of every note; 0 keeps the generator's")
    follow: bool = plain(False, "take tempo and position from incoming MIDI clock")
    accompany: bool = plain(False, "take what is played into the port as the melody")


class HeldMelody:
    """The highest note that a player holds, now and at earlier steps, from incoming messages."""

    def __init__(self) -> None:
        self.held: set[int] = set()
        self.played = False
        self._steps: deque[int] = deque(maxlen=KEPT)

    def take(self, message: bytes) -> None:
        """Take one message."""
        kind = message[0] & 0xF0
        if kind == 0x90 and message[2]:
            self.held.add(message[1])
            self.played = True
        elif kind in (0x80, 0x90):
            self.held.discard(message[1])

    @property
    def pitch(self) -> int:
        """Return the highest note held, -1 for none, -2 before the player's first note."""
        return max(self.held, default=REST) if self.played else FREE

    def mark(self) -> None:
        """Keep what is held at this step."""
        self._steps.append(self.pitch)

    def last(self, n: int) -> np.ndarray:
        """Return what was held at the last n steps, -2 where nothing was kept."""
        kept = list(self._steps)[-n:]
        return np.array([FREE] * (n - len(kept)) + kept)


class LiveGenerator:
    """Send a generator's segments to a sink, each voice on its own channel; call `advance` often.

    The sink's thread keeps the times; this only has to stay ahead of it. Step k sounds at origin + k * samples a
    step, rounded once, or, when following, where the incoming clock puts it. After a start from the top, or a new song
    position, the music goes on there with its next segment; while the clock stands, no note sounds.

    written: is given every segment with its first step
    melody: known in advance, from a file
    origin: sample of the first step; by default soon
    """

    def __init__(
        self,
        generator: Generator,
        sink: Sink,
        config: LiveGeneratorConfig,
        melody: Melody | None = None,
        origin: int | None = None,
    ) -> None:
        self.generator, self.sink, self.config, self.melody = generator, sink, config, melody
        self.follower, self.held = ClockFollower(sink.sample_rate), HeldMelody()
        self.origin = sink.now() + round(config.start_s * sink.sample_rate) if origin is None else origin
        self.per_step = sink.sample_rate * 60 / config.tempo_bpm / generator.steps_per_quarter
        self.step = 0  # the first that is not written
        self._first = 0  # the step that a followed clock has at its start
        self._marked = 0
        self.tempo_bpm = config.tempo_bpm
        self.written: Callable[[int, Segment], None] = lambda step, segment: None
        self._waiting: list[tuple[int, bool, int, int, int]] = []  # step, begins, voice, pitch, velocity

    def take(self, at: int, message: bytes) -> None:
        """Take an incoming message: clock or notes."""
        self.follower.take(at, message)
        if message[0] < 0xF0:
            self.held.take(message)
        elif self.config.follow and message[0] in (START, STOP, POSITION):
            self.sink.stop()
            if message[0] != STOP:
                self._jump((message[1] | message[2] << 7) / SIXTEENTHS if message[0] == POSITION else 0.0)

    def _jump(self, quarter: float) -> None:
        """Let the next segment sound where the clock goes on, or at the next multiple of its length."""
        n = max(self.generator.steps, 1)
        self._first = self.step - n * math.ceil(quarter * self.generator.steps_per_quarter / n)
        self._marked = self.step
        self._waiting.clear()

    @property
    def next_step(self) -> int:
        """Return the first step that has not been sent."""
        return min(self._waiting[0][0], self.step) if self._waiting else self.step

    def move_to(self, sink: Sink) -> None:
        """Go on soon, with the first step that has not been sent, on a sink in the place of one that has gone."""
        self.sink, self.follower = sink, ClockFollower(sink.sample_rate)
        self.per_step = sink.sample_rate * 60 / self.tempo_bpm / self.generator.steps_per_quarter
        start = sink.now() + round(self.config.start_s * sink.sample_rate)
        self.origin = start - round(self.next_step * self.per_step)

    def set_tempo(self, tempo_bpm: float) -> None:
        """Play at another tempo from here on."""
        now = self.sink.now()
        here = (now - self.origin) / self.per_step
        self.tempo_bpm = tempo_bpm
        self.per_step = self.sink.sample_rate * 60 / tempo_bpm / self.generator.steps_per_quarter
        self.origin = now - round(here * self.per_step)

    @property
    def quarter(self) -> float | None:
        """Return the quarter that sounds now, from the first that was written; None while a followed clock stands."""
        now = self.sink.now()
        if not self.config.follow:
            return (now - self.origin) / self.per_step / self.generator.steps_per_quarter
        position = self.follower.position(now)
        if position is None or not self.follower.moving:
            return None
        return position + self._first / self.generator.steps_per_quarter

    def at(self, step: int) -> int | None:
        """Return the sample where a step sounds; None while a followed clock stands."""
        if not self.config.follow:
            return self.origin + round(step * self.per_step)
        now = self.sink.now()
        position, tempo = self.follower.position(now), self.follower.tempo_bpm
        if not self.follower.moving or position is None or tempo is None:
            return None
        per_quarter = self.sink.sample_rate * 60 / tempo
        return now + round(((step - self._first) / self.generator.steps_per_quarter - position) * per_quarter)

    def advance(self) -> int:
        """Write and send all that sounds within the look-ahead; return how many segments were written."""
        now, n = self.sink.now(), 0
        horizon = now + round(self.config.look_ahead_s * self.sink.sample_rate)
        while (moment := self.at(self._marked)) is not None and moment <= now:
            self.held.mark()
            self._marked += 1
        while (moment := self.at(self.step)) is not None and moment <= horizon:
            self._accept(self.generator.next(self._given()))
            n += 1
        n += self._write_ahead(horizon, n)
        while self._waiting and (moment := self.at(self._waiting[0][0])) is not None and moment <= horizon:
            self._send(moment, *heapq.heappop(self._waiting)[2:])
        return n

    def _write_ahead(self, horizon: int, n: int) -> int:
        """Write one more segment at most, where nothing is due: what plays now does not wait for what comes later."""
        until = horizon + round(self.config.ahead_s * self.sink.sample_rate)
        if n or (moment := self.at(self.step)) is None or not horizon < moment <= until:
            return 0
        self._accept(self.generator.next(self._given()))
        return 1

    def _given(self) -> np.ndarray:
        """Return the melody of the next segment: known, or what the player holds, or held in the last bar."""
        n = self.generator.steps
        if self.melody is not None:
            return self.melody(self.step, n)
        if not self.config.accompany:
            return np.full(n, FREE)
        return np.array([self.held.pitch]) if n == 1 else self.held.last(n)

    def _accept(self, segment: Segment) -> None:
        self.written(self.step, segment)
        for step, voice, pitch, velocity in segment.changes:
            if self.config.accompany and voice == 0:
                continue  # the player sounds it
            heapq.heappush(self._waiting, (self.step + step, velocity > 0, voice, pitch, velocity))
        self.step += max(segment.n_steps, 1)

    def _send(self, at: int, voice: int, pitch: int, velocity: int) -> None:
        channel = DRUMS if self.generator.percussion else voice % DRUMS
        loud = self.config.velocity or velocity
        message = note_on(channel, pitch, loud) if velocity else note_off(channel, pitch)
        self.sink.send(at, message)
