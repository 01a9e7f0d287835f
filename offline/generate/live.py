"""Music while it is written: frames go to a MIDI port a little before they sound, on the port's clock.

Two knobs, as in ReaLJam: how far ahead frames are written (a slow step or a busy machine eats from that), and, where
a player is accompanied, how much of it is already fixed when the player's note is heard.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from engine.clock import Clock
from engine.config import require
from engine.io.midi_clock import ClockFollower
from engine.io.midi_notes import Timed, note_off, note_on
from offline.generate.piece import REST

__all__ = ["FrameSource", "LiveConfig", "LivePlayer", "MelodyEar", "Sink"]

CHOOSE = -2


class FrameSource(Protocol):
    """Writes a frame (voice,) of pitches at a call; given: -2 where it may choose, -1 a rest, else a pitch."""

    n_voices: int

    def step(self, given: np.ndarray | None = None) -> np.ndarray:
        """The next frame."""
        ...


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
    """tempo_bpm: quarters a minute; look_ahead_s: how far ahead frames are sent; start_s: silence before the first.

    steps_per_quarter: 4 is sixteenths; velocity: of every note; follow: take tempo and place from MIDI clock coming in.
    """

    tempo_bpm: float = 100.0
    look_ahead_s: float = 0.15
    start_s: float = 0.3
    steps_per_quarter: int = 4
    velocity: int = 80
    follow: bool = False

    def __post_init__(self) -> None:
        require("tempo_bpm", self.tempo_bpm, 10, 1000)
        require("look_ahead_s", self.look_ahead_s, 0.005, 10)
        require("start_s", self.start_s, 0, 60)
        require("steps_per_quarter", self.steps_per_quarter, 1, 96)
        require("velocity", self.velocity, 1, 127)


class MelodyEar:
    """The note that a player holds, from the messages that come in: the highest, or a rest."""

    def __init__(self) -> None:
        self.held: set[int] = set()
        self.played = False

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


class LivePlayer:
    """Sends a source's frames to a sink, each voice on a channel of its own; call `advance` often.

    The sink's thread keeps the times; this only has to be ahead of it. Step k sounds at origin + k * samples a step,
    rounded once, or, following, where the clock that comes in says that sixteenth k is.
    """

    def __init__(self, source: FrameSource, sink: Sink, config: LiveConfig) -> None:
        self.source, self.sink, self.config = source, sink, config
        self.follower, self.ear = ClockFollower(sink.sample_rate), MelodyEar()
        self.accompany = False
        self.origin = sink.now() + round(config.start_s * sink.sample_rate)
        self.per_step = sink.sample_rate * 60 / config.tempo_bpm / config.steps_per_quarter
        self.step = 0
        self._last = np.full(source.n_voices, REST)

    def hear(self, at: int, message: bytes) -> None:
        """Take a message that came in: clock for the follower, notes for the ear."""
        self.follower.take(at, message)
        if message[0] < 0xF0:
            self.ear.take(message)

    def next_at(self) -> int | None:
        """The sample where the next step sounds; None while a followed clock stands."""
        if not self.config.follow:
            return self.origin + round(self.step * self.per_step)
        now = self.sink.now()
        position, tempo = self.follower.position(now), self.follower.tempo_bpm
        if not self.follower.running or position is None or tempo is None:
            return None
        per_quarter = self.sink.sample_rate * 60 / tempo
        return now + round((self.step / self.config.steps_per_quarter - position) * per_quarter)

    def advance(self) -> int:
        """Write and send every frame that sounds within the look-ahead; returns how many."""
        horizon, n = self.sink.now() + round(self.config.look_ahead_s * self.sink.sample_rate), 0
        while (at := self.next_at()) is not None and at <= horizon:
            for moment, message in self._frame(at):
                self.sink.send(moment, message)
            self.step += 1
            n += 1
        return n

    def _frame(self, at: int) -> list[Timed]:
        given = None
        if self.accompany:
            given = np.full(self.source.n_voices, CHOOSE)
            given[0] = self.ear.pitch
        frame = self.source.step(given)
        out: list[Timed] = []
        for voice in np.flatnonzero(frame != self._last).tolist():
            if self.accompany and voice == 0:
                continue  # the player sounds it
            if self._last[voice] != REST:
                out.append((at, note_off(voice, int(self._last[voice]))))
            if frame[voice] != REST:
                out.append((at, note_on(voice, int(frame[voice]), self.config.velocity)))
        self._last = frame.copy()
        return out

    def run(self, clock: Clock, stop: threading.Event, *, n_steps: int | None = None) -> None:
        """Play until `stop` or for so many steps; waits on the clock a quarter of the look-ahead at a time."""
        pause = max(round(self.config.look_ahead_s * self.sink.sample_rate / 4), 1)
        while not stop.is_set() and (n_steps is None or self.step < n_steps):
            self.advance()
            clock.wait_until(clock.now() + pause)
