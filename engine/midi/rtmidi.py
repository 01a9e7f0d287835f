"""Open a MIDI port through rtmidi, with a thread that sleeps until absolute deadlines.

Use only in an expendable process.
"""

from __future__ import annotations

import importlib
import sys
import threading
import time
from functools import cache
from typing import Any

from engine.core.errors import DeviceError
from engine.core.thread_priority import raise_priority
from engine.midi.port import PRIORITY, RTMIDI_REMEDY, MidiConfig, PortCore, is_through

__all__ = ["RtMidiPort"]

LOOK_S = 0.002  # seconds, the longest sleep: a message pushed for now waits no longer
CLOSE_S = 0.5


@cache
def _library() -> Any:
    try:
        return importlib.import_module("rtmidi")
    except ImportError as error:
        raise DeviceError("rtmidi", expected="its library", got=str(error), remedy=RTMIDI_REMEDY) from error


class RtMidiPort:
    """An output and, on request, an input; sample 0 is the moment of opening, on the system's monotonic clock."""

    backend, gone = "rtmidi", ""
    origin: int | None = None  # not on JACK's clock
    output_name = ""

    def __init__(self, config: MidiConfig) -> None:
        self.outlet = PortCore.of(config, config.sample_rate)
        self._start_ns = time.monotonic_ns()
        rtmidi = _library()
        try:
            self._outputs, self._listeners = _outputs(rtmidi, config)
            self._input = rtmidi.MidiIn(name=config.name) if config.listen else None
            if self._input is not None:
                _open(self._input, config.input_port or config.to, "in")
                self._input.ignore_types(sysex=True, timing=False, active_sense=True)
                self._input.set_callback(self._came)
        except (rtmidi.SystemError, rtmidi.NoDevicesError, rtmidi.InvalidPortError, RuntimeError) as error:
            raise DeviceError("rtmidi", expected="a MIDI system", got=str(error)) from error
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(PRIORITY,), daemon=True, name="midi out")
        self._thread.start()

    def now(self) -> int:
        """Return the samples since the port opened."""
        return (time.monotonic_ns() - self._start_ns) * self.outlet.sample_rate // 1_000_000_000

    @property
    def idle(self) -> bool:
        """Return whether everything has been sent."""
        return self.outlet.scheduler.idle

    def listeners(self) -> list[str]:
        """Return the names of the inputs that the port opened; who connects to a virtual port is not known."""
        return list(self._listeners)

    def _came(self, event: tuple[list[int], float], data: object) -> None:
        self.outlet.came(self.now(), bytes(event[0]))

    def _run(self, priority: int) -> None:
        raise_priority(priority)
        sent_until = 0
        while not (self._closing.is_set() and self.outlet.scheduler.idle):
            now = self.now() + 1
            if now > sent_until:
                for _, message in self.outlet.due(sent_until, now):
                    for output in self._outputs:
                        output.send_message(message)
                sent_until = now
            due = self.outlet.scheduler.next_at()
            wait_s = LOOK_S if due is None else (due - self.now()) / self.outlet.sample_rate
            if wait_s > 0:
                time.sleep(min(wait_s, LOOK_S))

    def close(self) -> None:
        """End every note, then close."""
        self.outlet.scheduler.stop()
        self._closing.set()
        self._thread.join(CLOSE_S)
        for output in self._outputs:
            output.close_port()
        if self._input is not None:
            self._input.close_port()


def _outputs(rtmidi: Any, config: MidiConfig) -> tuple[list[Any], list[str]]:
    """Open one output, or one for every input that is there; return them, and the inputs' names."""
    first = rtmidi.MidiOut(name=config.name)
    if config.to is not None or not config.everyone:
        name = _open(first, config.to, "out")
        return [first], [name] if name else []
    names = {i: name for i, name in enumerate(first.get_ports()) if not is_through(name)}
    opened = [first, *(rtmidi.MidiOut(name=config.name) for _ in list(names)[1:])][: len(names)]
    for output, number in zip(opened, names, strict=True):
        output.open_port(number)
    return opened, list(names.values())


def _open(port: Any, to: str | None, name: str) -> str:
    """Open a virtual port, or the first whose name contains `to`; return the name of that."""
    if to is None:
        if sys.platform == "win32":
            raise DeviceError("MIDI", expected="the name of a port", got="none", remedy="install loopMIDI and name it")
        port.open_virtual_port(name)
        return ""
    known = port.get_ports()
    match = [i for i, known_name in enumerate(known) if to in known_name]
    if not match:
        raise DeviceError("MIDI", expected=f"a port named like {to!r}", got=", ".join(known) or "none")
    port.open_port(match[0])
    return str(known[match[0]])
