"""Open a MIDI port in JACK that sends every message at its exact sample. Use only in an expendable process."""

from __future__ import annotations

import contextlib
import importlib
import threading
import time
from functools import cache
from typing import Any

from engine.core.errors import DeviceError
from engine.midi.port import MidiConfig, PortCore, is_through

__all__ = ["JackPort"]

FRAME_BITS = 32  # width of JACK's clock
CLOSE_S = 0.5
STILL_S = 2.0  # without a cycle: the server has died, and nothing says so
MIRROR_S = 0.1  # between two looks at the readers of a mirrored port
LINGER_S = 1.0  # a reader is kept so long: those of a port that dies disappear before the port does


@cache
def _library() -> Any:
    """Import the module jack of the distribution JACK-Client."""
    try:
        return importlib.import_module("jack")
    except (ImportError, OSError) as error:
        raise DeviceError("JACK", expected="its library", got=str(error), remedy="pip install JACK-Client") from error


class JackPort:
    """An output and, on request, an input; the process callback sends the messages due in its cycle."""

    backend = "jack"

    def __init__(self, config: MidiConfig) -> None:
        jack = _library()
        try:
            self.client = jack.Client(config.name, no_start_server=True)
        except jack.JackOpenError as error:
            raise DeviceError("JACK", expected="a running server", got="none", remedy="start jackd") from error
        self.outlet = PortCore.of(config, self.client.samplerate)
        self.n_refused = 0
        self._gone = ""
        self._cycle_s = time.monotonic()
        self._origin = self._last = int(self.client.last_frame_time)
        self._output = self.client.midi_outports.register("out")
        self._input = self.client.midi_inports.register("in") if config.listen else None
        self._backlog: list[tuple[int, bytes]] = []
        self.client.set_process_callback(self._process)
        self.client.set_xrun_callback(self._xrun)
        self.client.set_shutdown_callback(self._shut_down)
        self._closing = threading.Event()
        self.client.activate()
        self._connect(config)
        if config.mirror is not None:
            threading.Thread(target=self._mirror, args=(config.mirror,), daemon=True, name="mirror").start()

    def _connect(self, config: MidiConfig) -> None:
        if config.to is not None:
            self.client.connect(self._output, self._find(config.to, "input"))
        elif config.everyone:
            for port in self._others("input"):
                if not is_through(port.name):
                    with contextlib.suppress(_library().JackError):  # one that went away meanwhile
                        self.client.connect(self._output, port)
        if config.input_port is not None and self._input is not None:
            self.client.connect(self._find(config.input_port, "output"), self._input)

    def _mirror(self, name: str) -> None:
        """Keep the output connected to whatever another output is connected to, also after that has gone."""
        seen_s: dict[str, float] = {}
        while not self._closing.wait(MIRROR_S):
            with contextlib.suppress(_library().JackError):
                readers = [port.name for port in self.client.get_all_connections(self.client.get_port_by_name(name))]
                seen_s |= dict.fromkeys(readers, time.monotonic())
                own = self.listeners()
                for reader in set(readers) - set(own):
                    self.client.connect(self._output, reader)
                for reader in own:
                    if time.monotonic() - seen_s.get(reader, 0.0) > LINGER_S:
                        self.client.disconnect(self._output, reader)

    @property
    def origin(self) -> int:
        """Return the frame of JACK's clock at sample 0."""
        return self._origin

    @property
    def output_name(self) -> str:
        """Return the name of the output."""
        return str(self._output.name)

    @property
    def gone(self) -> str:
        """Return why the port cannot send any more, empty while it can."""
        still = time.monotonic() - self._cycle_s > STILL_S
        return self._gone or ("the JACK server stands still" if still else "")

    @property
    def idle(self) -> bool:
        """Return whether everything has been sent."""
        return self.outlet.scheduler.idle and not self._backlog

    def listeners(self) -> list[str]:
        """Return the names of the inputs that the port sends to."""
        return [port.name for port in self.client.get_all_connections(self._output)]

    def _others(self, kind: str) -> list[Any]:
        """Return the MIDI ports of other clients, `input` or `output`."""
        every = self.client.get_ports(is_midi=True, **{f"is_{kind}": True})
        return [p for p in every if p.name.partition(":")[0] != self.client.name]

    def _find(self, name: str, kind: str) -> Any:
        """Return the first port of other clients, `input` or `output`, whose name contains `name`."""
        known = self._others(kind)
        ports = [p for p in known if name in p.name]
        if not ports:
            got = ", ".join(p.name for p in known) or "none"
            self.close()
            raise DeviceError("JACK", expected=f"a MIDI {kind} port named like {name!r}", got=got)
        return ports[0]

    def _unwrap(self, frame: int) -> int:
        """Convert JACK's 32-bit clock to a count since opening that never wraps."""
        step = (frame - self._last) & ((1 << FRAME_BITS) - 1)
        if step >> (FRAME_BITS - 1):  # slightly backwards, between two threads
            return self._last + step - (1 << FRAME_BITS) - self._origin
        self._last += step
        return self._last - self._origin

    def now(self) -> int:
        """Return the samples since the port opened."""
        frame = int(self.client.frame_time)
        step = (frame - self._last) & ((1 << FRAME_BITS) - 1)
        return self._last + step - ((step >> (FRAME_BITS - 1)) << FRAME_BITS) - self._origin

    def _shut_down(self, status: Any, reason: str) -> None:
        self._gone = "the JACK server has ended"

    def _xrun(self, delayed_usecs: float) -> None:
        self.outlet.scheduler.lost_cycle()

    def _process(self, frames: int) -> None:
        """Run one cycle: receive, then send what is due; what does not fit the buffer is sent first in the next."""
        self._cycle_s = time.monotonic()
        start = self._unwrap(int(self.client.last_frame_time))
        if self._input is not None:
            for offset, data in self._input.incoming_midi_events():
                self.outlet.came(start + offset, bytes(data))
        self._output.clear_buffer()
        waiting, self._backlog = self._backlog, []
        for at, message in [*waiting, *self.outlet.due(start, start + frames)]:
            offset = min(max(at - start, 0), frames - 1)
            try:
                self._output.write_midi_event(offset, message)
            except Exception:
                self.n_refused += 1
                self._backlog.append((at, message))

    def close(self) -> None:
        """End every note, twice in case a cycle is lost, wait until that is sent, and close."""
        self._closing.set()
        for ask in (self.outlet.scheduler.stop, self.outlet.scheduler.repair):
            ask()
            limit_s = time.monotonic() + CLOSE_S
            while not self.idle and not self.gone and time.monotonic() < limit_s:
                time.sleep(0.002)
            time.sleep(2 * self.client.blocksize / self.client.samplerate)  # let the cycle reach its readers
        self.client.deactivate()
        self.client.close()
