"""An outlet that goes by the beat: a thread takes the session's events and passes on what the beat will do."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import deque

from engine.core.events import Event
from engine.realtime.device_clock import DeviceClock
from engine.realtime.input_time import InputTime
from engine.realtime.session import SessionStatus
from engine.realtime.states import SessionState
from engine.stage.phase import BeatPhase, PhaseChange, PhaseConfig

__all__ = ["AHEAD_S", "BeatOutlet"]

STEP_S = 0.02  # between looks
AHEAD_S = 0.06  # the beat is decided so far ahead, so that it reaches its receiver before its time
KEPT = 4096  # events that wait for the thread


class BeatOutlet(ABC):
    """Follow a session's beat; `begin_thread` starts, `close` ends it."""

    def __init__(self, phase: PhaseConfig) -> None:
        self._phase_config, self._phase = phase, BeatPhase(phase)
        self._events: deque[tuple[Event, int]] = deque(maxlen=KEPT)
        self._clock: DeviceClock | None = None
        self._running = False
        self._time: InputTime | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="beat")

    @abstractmethod
    def relation(self) -> InputTime | None:
        """Return how the session's time relates to the receiver's; None while there is no receiver.

        Another object is another receiver, for which the beat begins anew.
        """

    @abstractmethod
    def show(self, changes: list[PhaseChange], time: InputTime) -> None:
        """Pass changes of the beat on, in the thread."""

    @property
    @abstractmethod
    def trouble(self) -> str:
        """Return what is wrong with the receiver now, in a few words; empty where nothing is."""

    def begin_thread(self) -> None:
        """Begin."""
        self._thread.start()

    def take(self, event: Event, clock: DeviceClock | None) -> None:
        """Take an event."""
        self._clock = clock
        if clock is not None:
            self._events.append((event, clock.sample_rate))

    def look(self, status: SessionStatus) -> None:
        """Notice whether there is a device."""
        self._running = status.state is SessionState.RUNNING

    def close(self) -> None:
        """Halt the beat, and end the thread."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()
        if (time := self._time) is not None and time.known:
            self.show(self._phase.halt(time.now_s()), time)

    def _run(self) -> None:
        while not self._closing.wait(STEP_S):
            if (time := self.relation()) is not None:
                self._turn(time)

    def _turn(self, time: InputTime) -> None:
        """Bring the receiver up to date."""
        if time is not self._time:
            self._time = time
            self._phase.halt(0.0)  # it begins anew; what the follower said stays known
        if not self._running or (clock := self._clock) is None:
            if time.known:
                self.show(self._phase.halt(time.now_s()), time)
                time.forget()
                self._phase = BeatPhase(self._phase_config)
            return
        time.look(clock)
        while self._events:
            self._phase.take(*self._events.popleft())
        if time.known:
            self.show(self._phase.advance(time.now_s() + AHEAD_S), time)
