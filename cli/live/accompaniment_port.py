"""The MIDI port that a live accompaniment plays into: every note on its sample, on the clock of the session."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from cli.terminal.report import note
from engine.accompaniment.ensemble import message_of
from engine.core.errors import DeviceError
from engine.core.events import Control, Event, Note
from engine.core.thread_priority import raise_priority
from engine.midi.guarded import GuardedPort
from engine.midi.lasting import LastingPort
from engine.midi.port import MidiConfig
from engine.realtime.device_clock import DeviceClock
from engine.realtime.session_types import SessionStatus
from engine.realtime.states import SessionState

__all__ = ["AccompanimentPort", "PortOutlet"]

KEPT = 512  # events by which the clock of a port that is not in JACK is compared with that of the input
MARGIN_S = 0.02  # messages are sent so much later than they are decided there, that none comes late
PRIORITY = 48  # SCHED_FIFO priority of the thread that passes notes on, below that of the engine


class AccompanimentPort:
    """Sends notes at their sample; is opened again when its server or its process has gone.

    Where session and port are both in JACK, they share its clock, and every note leaves with the very sample that its
    sound would. Elsewhere an event comes some time after it was emitted: the shortest such delay of the last events
    relates the clocks.

    opening: messages that go out just before the first note, and again before the first after the session or the port
        has come back: by then whoever plays it is connected
    """

    def __init__(self, name: str, opening: Sequence[bytes] = ()) -> None:
        self._opening = tuple(opening)
        self._told: GuardedPort | None = None  # the port to which the opening has been sent
        config = MidiConfig(name=name, listen=False)
        self._lasting = LastingPort(lambda: GuardedPort(config), note)
        self._offsets: deque[float] = deque(maxlen=KEPT)
        self._state = SessionState.STARTING

    @property
    def here(self) -> bool:
        """Return whether there is a port now."""
        return self._lasting.port is not None

    def send(self, event: Event, clock: DeviceClock | None) -> None:
        """Take any event, with the clock of the session; send it if it is a note or a pedal."""
        port = self._lasting.port
        if port is None or clock is None:
            return
        try:
            frame = None if port.origin is None else clock.frame(event.at)
            at = self._estimated(port, event, clock.sample_rate) if frame is None else port.place(frame)
            if isinstance(event, Note | Control):
                self._tell(port, at)
                port.send(at, message_of(event))
        except DeviceError:
            self._lasting.lost(port)

    def _tell(self, port: GuardedPort, at: int) -> None:
        if self._told is not port:
            self._told = port
            for message in self._opening:
                port.send(at, message)

    def _estimated(self, port: GuardedPort, event: Event, sample_rate: int) -> int:
        ratio = port.sample_rate / sample_rate
        self._offsets.append(port.now() - event.emitted_at * ratio)
        return round(event.at * ratio + min(self._offsets) + MARGIN_S * port.sample_rate)

    def look(self, state: SessionState) -> None:
        """Follow the session: notes hurry while it runs, all end when it has lost its device. Notice a lost port."""
        if state != self._state:
            self._state = state
            if state == SessionState.RUNNING:
                raise_priority(PRIORITY, inherited=False)
            elif state == SessionState.WAITING:
                self._silence()
        self._lasting.look()

    def _silence(self) -> None:
        self._told = None
        if (port := self._lasting.port) is not None:
            with contextlib.suppress(DeviceError):
                port.stop()
        self._offsets.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._lasting.close()


class PortOutlet:
    """A port as a session's outlet; whoever has opened it closes it."""

    def __init__(self, port: AccompanimentPort) -> None:
        self._port = port

    @property
    def trouble(self) -> str:
        """Return whether the port has gone."""
        return "" if self._port.here else "the port has gone; waiting for it"

    def take(self, event: Event, clock: DeviceClock | None) -> None:
        """Send a note or a pedal."""
        self._port.send(event, clock)

    def look(self, status: SessionStatus) -> None:
        """Follow the session."""
        self._port.look(status.state)

    def close(self) -> None:
        """Do nothing."""
