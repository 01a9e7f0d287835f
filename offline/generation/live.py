"""Music while it is written: changes go to a MIDI port a little before they sound, on the port's clock.

Two knobs, as in ReaLJam: how far ahead is sent (a slow step or a busy machine eats from that), and, where a player
is accompanied, how much of it is already fixed when the player's note is heard: a segment of the source.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from engine.core.config import require
from engine.midi.clock import ClockFollower
from engine.midi.notes import note_off, note_on
from offline.generation.stream import CHOOSE, Melody, Segment, Source
from offline.music.piece import REST

__all__ = ["LiveConfig", "LivePlayer", "MelodyEar", "Sink"]

DRUMS = 9
KEPT = 4096  # steps of the player's melody that are remembered


class Sink(Protocol):
    """Where messages go, and the clock they go by."""

    sample_rate: int

    def now(self) -> int:
        """Samples."""
        ...

    def send(self, at: int, message: bytes) -> None:
        """A message for sample `at`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveConfig:
    """tempo_bpm: quarters a minute; look_ahead_s: how far ahead is sent; start_s: silence before the first step.

    velocity: of every note, 0 for the source's own; follow: take tempo and place from MIDI clock coming in;
    accompany: what is played into the port is the melody.
    """

    tempo_bpm: float = 100.0
    look_ahead_s: float = 0.15
    start_s: float = 0.3
    velocity: int = 0
    follow: bool = False
    accompany: bool = False

    def __post_init__(self) -> None:
        require("tempo_bpm", self.tempo_bpm, 10, 1000)
        require("look_ahead_s", self.look_ahead_s, 0.005, 10)
        require("start_s", self.start_s, 0, 60)
        require("velocity", self.velocity, 0, 127)


class MelodyEar:
    """The note that a player holds, from the messages that come in: the highest, or a rest; and what was held."""

    def __init__(self) -> None:
        self.held: set[int] = set()
        self.played = False
        self._steps: deque[int] = deque(maxlen=KEPT)

    def take(self, message: bytes) -> None:
        """Read one message."""
        kind = message[0] & 0xF0
        if kind == 0x90 and message[2]:
            self.held.add(message[1])
            self.played = True
        elif kind in (0x80, 0x90):
            self.held.discard(message[1])

    @property
    def pitch(self) -> int:
        """The highest note held, -1 for none, -2 before the player's first note."""
        return max(self.held, default=REST) if self.played else CHOOSE

    def mark(self) -> None:
        """A step has come: remember what is held at it."""
        self._steps.append(self.pitch)

    def last(self, n: int) -> np.ndarray:
        """What was held at the last n steps, -2 where nothing is remembered."""
        kept = list(self._steps)[-n:]
        return np.array([CHOOSE] * (n - len(kept)) + kept)


class LivePlayer:
    """Sends a source's segments to a sink, each voice on a channel of its own; call `advance` often.

    The sink's thread keeps the times; this only has to be ahead of it. Step k sounds at origin + k * samples a step,
    rounded once, or, following, where the clock that comes in says that it is. melody: known beforehand, from a file;
    origin: a sample to begin at, else soon.
    """

    def __init__(
        self, source: Source, sink: Sink, config: LiveConfig, melody: Melody | None = None, origin: int | None = None
    ) -> None:
        self.source, self.sink, self.config, self.melody = source, sink, config, melody
        self.follower, self.ear = ClockFollower(sink.sample_rate), MelodyEar()
        self.origin = sink.now() + round(config.start_s * sink.sample_rate) if origin is None else origin
        self.per_step = sink.sample_rate * 60 / config.tempo_bpm / source.steps_per_quarter
        self.step = 0  # the first that is not written yet
        self._marked = 0
        self._waiting: list[tuple[int, bool, int, int, int]] = []  # step, strikes, voice, pitch, velocity

    def hear(self, at: int, message: bytes) -> None:
        """Take a message that came in: clock for the follower, notes for the ear."""
        self.follower.take(at, message)
        if message[0] < 0xF0:
            self.ear.take(message)

    def at(self, step: int) -> int | None:
        """The sample where a step sounds; None while a followed clock stands."""
        if not self.config.follow:
            return self.origin + round(step * self.per_step)
        now = self.sink.now()
        position, tempo = self.follower.position(now), self.follower.tempo_bpm
        if not self.follower.running or position is None or tempo is None:
            return None
        per_quarter = self.sink.sample_rate * 60 / tempo
        return now + round((step / self.source.steps_per_quarter - position) * per_quarter)

    def advance(self) -> int:
        """Write and send everything that sounds within the look-ahead; returns how many segments were written."""
        now, n = self.sink.now(), 0
        horizon = now + round(self.config.look_ahead_s * self.sink.sample_rate)
        while (moment := self.at(self._marked)) is not None and moment <= now:
            self.ear.mark()
            self._marked += 1
        while (moment := self.at(self.step)) is not None and moment <= horizon:
            self._take(self.source.next(self._given()))
            n += 1
        while self._waiting and (moment := self.at(self._waiting[0][0])) is not None and moment <= horizon:
            self._send(moment, *heapq.heappop(self._waiting)[2:])
        return n

    def _given(self) -> np.ndarray:
        """The melody for the next segment: known, or what the player holds, or did in the last bar."""
        n = self.source.steps
        if self.melody is not None:
            return self.melody(self.step, n)
        if not self.config.accompany:
            return np.full(n, CHOOSE)
        return np.array([self.ear.pitch]) if n == 1 else self.ear.last(n)

    def _take(self, segment: Segment) -> None:
        for step, voice, pitch, velocity in segment.changes:
            if self.config.accompany and voice == 0:
                continue  # the player sounds it
            heapq.heappush(self._waiting, (self.step + step, velocity > 0, voice, pitch, velocity))
        self.step += max(segment.n_steps, 1)

    def _send(self, at: int, voice: int, pitch: int, velocity: int) -> None:
        channel = DRUMS if self.source.percussion else voice % DRUMS
        loud = self.config.velocity or velocity
        message = note_on(channel, pitch, loud) if velocity else note_off(channel, pitch)
        self.sink.send(at, message)
