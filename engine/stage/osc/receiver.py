"""Take controls by OSC: a thread that reads datagrams, whatever they hold, and passes orders on."""

from __future__ import annotations

import contextlib
import heapq
import importlib
import socket
import threading
import time
from collections.abc import Callable
from functools import cache
from itertools import count
from typing import Any

from engine.core.errors import ConfigError, DeviceError, EngineError
from engine.core.events import Event
from engine.realtime.device_clock import DeviceClock
from engine.realtime.session import SessionStatus
from engine.stage.controls.stage_controls import StageControls
from engine.stage.osc.commands import obey_osc
from engine.stage.osc.target import udp_address

__all__ = ["OscReceiver"]

LOOK_S = 0.1  # the longest wait for a datagram
LONGEST = 4096  # bytes of a datagram that is read
FARTHEST_S, MOST = 60.0, 256  # bundles are kept for a time to come so long before it, and so many messages
QUIET_S = 1.0  # between two complaints


@cache
def _packets() -> Any:
    """Import the reader of python-osc."""
    try:
        return importlib.import_module("pythonosc.osc_packet")
    except ImportError:
        remedy = "pip install 'collaparte[stage]'"
        raise ConfigError("--osc-in", expected="the package python-osc", got="none", remedy=remedy) from None


class OscReceiver:
    """An outlet that listens: orders go to `controls`, in a thread of its own.

    place: [HOST:]PORT, by default of this machine alone, for OSC knows no passwords
    say: is told, once a second at most, what was refused

    A bundle dated later waits for its time, without anything waiting for it; one dated too far away is refused.
    """

    def __init__(self, place: str, controls: StageControls, say: Callable[[str], None]) -> None:
        self._parse = _packets()
        self._controls, self._say = controls, say
        self._waiting: list[tuple[float, int, str, list[Any]]] = []
        self._order = count()
        self._said_s = float("-inf")
        family, address = udp_address(place)
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._socket.bind(address)
        except OSError as error:
            self._socket.close()
            raise DeviceError(f"--osc-in {place}", expected="a free port", got=str(error.strerror)) from None
        self.port = int(self._socket.getsockname()[1])
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="osc in")
        self._thread.start()

    def take(self, event: Event, clock: DeviceClock | None) -> None:
        """Ignore it: nothing is sent."""

    def look(self, status: SessionStatus) -> None:
        """Ignore it: nothing is sent."""

    def close(self) -> None:
        """Listen no more."""
        self._closing.set()
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        while not self._closing.is_set():
            self._socket.settimeout(self._patience_s())
            with contextlib.suppress(OSError):  # nothing came; or an answer told that nobody listens
                self._read(self._socket.recv(LONGEST + 1))
            while self._waiting and self._waiting[0][0] <= time.time():
                self._obey(*heapq.heappop(self._waiting)[2:])

    def _patience_s(self) -> float:
        due_s = self._waiting[0][0] - time.time() if self._waiting else LOOK_S
        return min(max(due_s, 0.001), LOOK_S)

    def _read(self, data: bytes) -> None:
        """Take a datagram, which may be anything."""
        if len(data) > LONGEST:
            return self._complain(f"OSC: expected at most {LONGEST} bytes a datagram, got more")
        try:
            messages = self._parse.OscPacket(data).messages
        except Exception as error:  # the library raises what it stumbles over
            return self._complain(f"OSC: expected a message, got {len(data)} bytes that are none ({error})")
        for timed in messages:
            self._place(timed.time - time.time(), timed.time, timed.message.address, list(timed.message.params))
        return None

    def _place(self, ahead_s: float, at_s: float, address: str, arguments: list[Any]) -> None:
        """Obey now, or at the time that a bundle is dated."""
        if ahead_s <= 0:
            self._obey(address, arguments)
        elif ahead_s > FARTHEST_S or len(self._waiting) >= MOST:
            what = f"{MOST} waiting" if ahead_s <= FARTHEST_S else f"{ahead_s:.0f} s"
            self._complain(f"OSC {address[:80]}: expected a time at most {FARTHEST_S:.0f} s ahead, got {what}")
        else:
            heapq.heappush(self._waiting, (at_s, next(self._order), address, arguments))

    def _obey(self, address: str, arguments: list[Any]) -> None:
        try:
            obey_osc(self._controls, address, arguments)
        except EngineError as error:
            self._complain(str(error))

    def _complain(self, text: str) -> None:
        if time.monotonic() - self._said_s >= QUIET_S:
            self._said_s = time.monotonic()
            self._say(text)
