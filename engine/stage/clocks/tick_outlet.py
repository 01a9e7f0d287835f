"""Send ticks that follow the performer into a MIDI port: on JACK each on its sample, elsewhere on its millisecond."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from engine.core.errors import DeviceError
from engine.midi.lasting import LastingPort
from engine.midi.port import MidiConfig
from engine.midi.process import MidiProcess
from engine.realtime.input_time import InputTime
from engine.realtime.session import SessionStatus
from engine.stage.clocks.beat_outlet import AHEAD_S, BeatOutlet
from engine.stage.clocks.programs import ProgramChanges, ProgramTrack
from engine.stage.clocks.ticks import TickScale
from engine.stage.phase import PhaseChange, PhaseConfig, Turn

__all__ = ["TickOutlet", "TickPort"]


class TickPort(NamedTuple):
    """A port, and what goes into it.

    midi: the port
    scale: how ticks are counted
    earlier_s: ticks are sent so much before the beat
    programs: program changes beside them
    """

    midi: MidiConfig
    scale: TickScale
    earlier_s: float = 0.0
    programs: ProgramChanges | None = None


class TickOutlet(BeatOutlet):
    """Sends the beat to a port; one that has gone is opened again.

    say: is told in one line what the user should know
    """

    def __init__(self, port: TickPort, phase: PhaseConfig, say: Callable[[str], None]) -> None:
        super().__init__(phase)
        self._to = port
        self._port = LastingPort(lambda: MidiProcess(port.midi), say)
        self._related: tuple[MidiProcess, InputTime] | None = None
        self._programs = None if port.programs is None else ProgramTrack(port.programs)
        self.begin_thread()

    @property
    def trouble(self) -> str:
        """Return whether the port has gone."""
        return "" if self._port.port is not None else "the port has gone; waiting for it"

    def look(self, status: SessionStatus) -> None:
        """Notice whether there is a device, and a port."""
        super().look(status)
        self._port.look()

    def close(self) -> None:
        """Stop the ticks."""
        super().close()
        self._port.close()

    def relation(self) -> InputTime | None:
        """Return how the session's time relates to the port's."""
        if (port := self._port.port) is None:
            return None
        if self._related is None or self._related[0] is not port:
            self._related = port, InputTime(port.now, port.sample_rate, port)
            if self._programs is not None:
                self._programs.forget()
        return self._related[1]

    def show(self, changes: list[PhaseChange], time: InputTime) -> None:
        """Send changes to the port."""
        assert self._related is not None
        port = self._related[0]
        try:
            for change in changes:
                self._send(port, change, time)
        except DeviceError:
            if self._port.port is port:
                self._port.lost(port)

    def _turn(self, time: InputTime) -> None:
        """Bring the receiver up to date, and send the program that begins."""
        super()._turn(time)
        if self._programs is None or not time.known:
            return
        due = self._programs.take(self._phase.line, time.now_s() + AHEAD_S)
        if due is None:
            return
        assert self._related is not None and self._to.programs is not None
        port, (at_s, program) = self._related[0], due
        try:
            port.send(round(time.there(at_s - self._to.earlier_s)), self._to.programs.message(program))
        except DeviceError:
            if self._port.port is port:
                self._port.lost(port)

    def _send(self, port: MidiProcess, change: PhaseChange, time: InputTime) -> None:
        scale, earlier_s, line = self._to.scale, self._to.earlier_s, change.line
        if change.turn is Turn.BEGIN:
            at_s, tick, per_s = scale.beginning(line)
            port.begin_ticks(time.there(at_s - earlier_s), tick, per_s)
        elif change.turn is Turn.STEER:
            port.steer_ticks(time.there(line.at_s - earlier_s), *scale.ticks(line))
        else:
            port.halt_ticks(time.there(line.at_s - earlier_s))
