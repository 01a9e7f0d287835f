"""MIDI ports on one clock in samples: exact to the sample through JACK, else rtmidi with absolute deadlines.

A port owns a thread that asks its scheduler what is due. Whoever generates music lives in another process and speaks
through `engine.midi.process`, so that a killed generator leaves no note behind.
"""

from __future__ import annotations

import importlib
from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

from engine.core.config import Settings, choice, plain, ranged
from engine.core.errors import DeviceError
from engine.midi.clock import ClockSender
from engine.midi.notes import FeedbackGuard, MidiScheduler, NoteSafety, Timed

__all__ = ["BACKENDS", "RTMIDI_REMEDY", "MemoryPort", "MidiConfig", "MidiPort", "Outlet", "open_port"]

BACKENDS = ("auto", "jack", "rtmidi")
# Newer versions of Python than its wheels are for build it, which on Linux takes a compiler and ALSA's headers.
RTMIDI_REMEDY = "pip install python-rtmidi (where it is built: sudo apt install g++ pkg-config libasound2-dev)"
PORTS = {"jack": ("engine.midi.jack", "JackPort"), "rtmidi": ("engine.midi.rtmidi", "RtMidiPort")}


LONGEST_NOTE_S = 11.0  # a note that sounds longer is ended
REPAIR_S = 0.2  # note-offs of this time are sent again after a loss
DEAF_S = 0.03  # for this long what comes in and equals what went out is taken for our own
PRIORITY = 70  # SCHED_FIFO of the thread that sends


@dataclass(frozen=True, slots=True, kw_only=True)
class MidiConfig(Settings):
    """Which MIDI ports."""

    name: str = plain("collaparte", "name of our ports")
    to: str | None = plain(None, "existing port to play to, None for a virtual one that others connect to")
    hear: str | None = plain(None, "existing port to listen to, None for `to` or a virtual one")
    backend: str = choice("auto", BACKENDS, "auto tries JACK, then rtmidi")
    listen: bool = plain(True, "open an input as well")
    sample_rate: int = ranged(48000, 1000, 384_000, "of the clock where the backend has none of its own", unit="Hz")

    def safety(self, sample_rate: int) -> NoteSafety:
        """The rules in samples."""
        return NoteSafety(
            longest=round(LONGEST_NOTE_S * sample_rate),
            repair=round(REPAIR_S * sample_rate),
            deaf=round(DEAF_S * sample_rate),
        )


@dataclass(slots=True)
class Outlet:
    """What every port has: the scheduler, the clock in it, what came in, and the guard against hearing itself."""

    sample_rate: int
    scheduler: MidiScheduler
    guard: FeedbackGuard
    received: deque[Timed] = field(default_factory=deque)

    @classmethod
    def of(cls, config: MidiConfig, sample_rate: int) -> Outlet:
        """An outlet at a rate in Hz."""
        safety = config.safety(sample_rate)
        scheduler = MidiScheduler(safety, ClockSender(sample_rate))
        return cls(sample_rate=sample_rate, scheduler=scheduler, guard=FeedbackGuard(safety))

    def due(self, start: int, end: int) -> list[Timed]:
        """What to send in a stretch of samples."""
        messages = self.scheduler.due(start, end)
        self.guard.sent(messages)
        return messages

    def came(self, at: int, message: bytes) -> None:
        """A message came in; our own echo is dropped."""
        if message and not self.guard.is_own(at, message):
            self.received.append((at, message))


class MidiPort(Protocol):
    """An open port."""

    outlet: Outlet

    def now(self) -> int:
        """Samples since the port opened."""
        ...

    def close(self) -> None:
        """Send what ends every note, then close."""
        ...


class MemoryPort:
    """A port that nobody hears: time moves when it is told to, and what would have been sent is kept."""

    def __init__(self, config: MidiConfig) -> None:
        self.outlet = Outlet.of(config, config.sample_rate)
        self.sent: list[Timed] = []
        self._now = 0

    def now(self) -> int:
        """Samples since the port opened."""
        return self._now

    def advance(self, samples: int) -> None:
        """Let so many samples pass."""
        self.sent += self.outlet.due(self._now, self._now + samples)
        self._now += samples

    def close(self) -> None:
        """Send what ends every note."""
        self.outlet.scheduler.stop()
        self.advance(1)


def open_port(config: MidiConfig) -> MidiPort:
    """Open a port; DeviceError where no backend can. Only for expendable processes."""
    names = ("jack", "rtmidi") if config.backend == "auto" else (config.backend,)
    problems = []
    for name in names:
        try:
            module, kind = PORTS[name]
            port: MidiPort = getattr(importlib.import_module(module), kind)(config)
            return port
        except (DeviceError, ImportError, OSError) as error:
            problems.append(f"{name}: {error}")
    raise DeviceError(
        "MIDI", expected="a port", got="; ".join(problems), remedy="collaparte doctor says what is missing"
    )
