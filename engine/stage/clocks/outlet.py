"""Send ticks that follow the performer into a MIDI port: on JACK each on its sample, elsewhere on its millisecond."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from engine.core.errors import DeviceError
from engine.core.events import Event
from engine.midi.lasting import LastingPort
from engine.midi.port import MidiConfig
from engine.midi.process import MidiProcess
from engine.realtime.device_clock import DeviceClock
from engine.realtime.input_time import InputTime
from engine.realtime.session import SessionStatus
from engine.realtime.states import SessionState
from engine.stage.clocks.ticks import TickScale
from engine.stage.phase import BeatPhase, PhaseChange, PhaseConfig, Turn

__all__ = ["TickOutlet", "TickPort"]

STEP_S = 0.02  # between looks
AHEAD_S = 0.06  # the beat is decided so far ahead, so that every tick reaches the port before its time


class TickPort(NamedTuple):
    """A port, and what goes into it.

    midi: the port
    scale: how ticks are counted
    earlier_s: ticks are sent so much before the beat
    """

    midi: MidiConfig
    scale: TickScale
    earlier_s: float = 0.0


class TickOutlet:
    """An outlet with a thread of its own, which sends the beat to a port; a port that has gone is opened again.

    say: is told in one line what the user should know
    """

    def __init__(self, port: TickPort, phase: PhaseConfig, say: Callable[[str], None]) -> None:
        self._config, self._phase_config = port, phase
        self._port = LastingPort(lambda: MidiProcess(port.midi), say)
        self._events: deque[tuple[Event, int]] = deque(maxlen=4096)
        self._clock: DeviceClock | None = None
        self._running = False
        self._phase = BeatPhase(phase)
        self._time: tuple[MidiProcess, InputTime] | None = None  # the port to which the clock has been related
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="ticks")
        self._thread.start()

    def take(self, event: Event, clock: DeviceClock | None) -> None:
        """Take an event."""
        self._clock = clock
        if clock is not None:
            self._events.append((event, clock.sample_rate))

    def look(self, status: SessionStatus) -> None:
        """Stop where the device has gone; notice a port that has."""
        self._running = status.state is SessionState.RUNNING
        self._port.look()

    def close(self) -> None:
        """Stop the ticks."""
        self._closing.set()
        self._thread.join()
        self._port.close()

    def _run(self) -> None:
        while not self._closing.wait(STEP_S):
            if (port := self._port.port) is not None:
                try:
                    self._turn(port)
                except DeviceError:
                    if self._port.port is port:
                        self._port.lost(port)

    def _turn(self, port: MidiProcess) -> None:
        """Bring the port up to date."""
        time, clock = self._related(port), self._clock
        if not self._running or clock is None:
            if time.known:
                self._send(port, time, self._phase.halt(time.now_s()))
                self._forget()
            return
        time.look(clock)
        while self._events:
            self._phase.take(*self._events.popleft())
        if time.known:
            self._send(port, time, self._phase.advance(time.now_s() + AHEAD_S))

    def _related(self, port: MidiProcess) -> InputTime:
        """Return the relation of the clocks; a new port begins anew."""
        if self._time is None or self._time[0] is not port:
            self._forget()
            self._time = port, InputTime(port.now, port.sample_rate, port)
        return self._time[1]

    def _forget(self) -> None:
        self._phase = BeatPhase(self._phase_config)
        if self._time is not None:
            self._time[1].forget()

    def _send(self, port: MidiProcess, time: InputTime, changes: list[PhaseChange]) -> None:
        scale, earlier_s = self._config.scale, self._config.earlier_s
        for turn, line in changes:
            if turn is Turn.BEGIN:
                at_s, tick, per_s = scale.beginning(line)
                port.begin_ticks(time.there(at_s - earlier_s), tick, per_s)
            elif turn is Turn.STEER:
                port.steer_ticks(time.there(line.at_s - earlier_s), *scale.ticks(line))
            else:
                port.halt_ticks(time.there(line.at_s - earlier_s))
