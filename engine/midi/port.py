"""Open MIDI ports on one clock in samples: exact to the sample through JACK, else rtmidi with absolute deadlines.

A port owns a thread that asks its scheduler what is due. Code that generates music runs in another process and sends
through `engine.midi.process`, so that a killed generator leaves no hanging note.
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
from engine.midi.timecode import FRAME_RATES, TimecodeSender

__all__ = ["BACKENDS", "RTMIDI_REMEDY", "MidiConfig", "MidiPort", "PortConfig", "PortCore", "is_through", "open_port"]

BACKENDS = ("auto", "jack", "rtmidi")
# Where it has no wheel for the Python version, pip builds it, which on Linux needs a compiler and ALSA's headers.
RTMIDI_REMEDY = "pip install python-rtmidi (where it is built: sudo apt install g++ pkg-config libasound2-dev)"
PORTS = {"jack": ("engine.midi.jack", "JackPort"), "rtmidi": ("engine.midi.rtmidi", "RtMidiPort")}


LONGEST_NOTE_S = 11.0  # seconds; a note that sounds longer is ended
REPAIR_S = 0.2  # seconds; note-offs sent within this time are repeated after a loss
DEAF_S = 0.03  # seconds within which input equal to what was sent counts as our own echo
PRIORITY = 70  # SCHED_FIFO priority of the thread that sends


@dataclass(frozen=True, slots=True, kw_only=True)
class MidiConfig(Settings):
    """Settings of a MIDI port."""

    name: str = plain("collaparte", "name of our ports")
    to: str | None = plain(None, "existing port to send to, None for a virtual one that others connect to")
    input_port: str | None = plain(None, "existing port to receive from, None for `to` or a virtual one")
    backend: str = choice("auto", BACKENDS, "MIDI system to use; auto tries JACK, then rtmidi")
    everyone: bool = plain(False, "without `to`, send to the inputs of all others that are there")
    mirror: str | None = plain(None, "output in JACK whose readers are connected to ours as well")
    listen: bool = plain(True, "open an input port as well")
    timecode: str | None = choice(
        None,
        tuple(FRAME_RATES),
        "frames a second of MIDI time code, which is sent in place of the clock; None for none",
    )
    sample_rate: int = ranged(
        48000, 1000, 384_000, "sample rate of the clock of backends that have none of their own", unit="Hz"
    )

    def open(self) -> MidiPort:
        """Open the port; DeviceError if no backend can."""
        return open_port(self)

    def safety(self, sample_rate: int) -> NoteSafety:
        """Return the rules in samples."""
        return NoteSafety(
            longest=round(LONGEST_NOTE_S * sample_rate),
            repair=round(REPAIR_S * sample_rate),
            deaf=round(DEAF_S * sample_rate),
        )


@dataclass(slots=True)
class PortCore:
    """The common parts of every port: the scheduler with its clock, the received messages, the feedback guard."""

    sample_rate: int
    scheduler: MidiScheduler
    guard: FeedbackGuard
    received: deque[Timed] = field(default_factory=deque)

    @classmethod
    def of(cls, config: MidiConfig, sample_rate: int) -> PortCore:
        """Build an outlet at a rate in Hz."""
        safety = config.safety(sample_rate)
        timed = config.timecode is not None
        ticks = TimecodeSender(sample_rate, str(config.timecode)) if timed else ClockSender(sample_rate)
        scheduler = MidiScheduler(safety, ticks)
        return cls(sample_rate=sample_rate, scheduler=scheduler, guard=FeedbackGuard(safety))

    def due(self, start: int, end: int) -> list[Timed]:
        """Return what to send in a range of samples."""
        messages = self.scheduler.due(start, end)
        self.guard.sent(messages)
        return messages

    def came(self, at: int, message: bytes) -> None:
        """Store a received message; our own echo is dropped."""
        if message and not self.guard.is_own(at, message):
            self.received.append((at, message))


class PortConfig(Protocol):
    """Settings of a port, which can be pickled."""

    @property
    def name(self) -> str:
        """Return what the user knows the port by."""
        ...

    def open(self) -> MidiPort:
        """Open the port; an EngineError if it cannot. Use only in an expendable process."""
        ...


class MidiPort(Protocol):
    """An open port.

    backend: its name in BACKENDS
    origin: frame of JACK's clock (32 bits) at sample 0, None for ports on other clocks
    """

    backend: str
    outlet: PortCore

    @property
    def origin(self) -> int | None:
        """Return the frame of JACK's clock at sample 0."""
        ...

    @property
    def output_name(self) -> str:
        """Return the name of the output, empty where it has none."""
        ...

    @property
    def gone(self) -> str:
        """Return why the port cannot send any more, empty while it can."""
        ...

    @property
    def idle(self) -> bool:
        """Return whether everything has been sent."""
        ...

    def listeners(self) -> list[str]:
        """Return the names of the inputs that the port sends to, as far as they are known."""
        ...

    def now(self) -> int:
        """Return the samples since the port opened."""
        ...

    def close(self) -> None:
        """Send what ends every note, then close."""
        ...


def is_through(name: str) -> bool:
    """Return whether an input only passes on what it receives, so that it is no synthesiser."""
    return "midi through" in name.lower().replace("-", " ")


def open_port(config: MidiConfig) -> MidiPort:
    """Open a port; DeviceError if no backend can. Use only in an expendable process."""
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
