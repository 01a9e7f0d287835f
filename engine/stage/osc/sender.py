"""Send a session's events to programs that listen for OSC by UDP."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any

from engine.core.events import Event
from engine.realtime.device_clock import DeviceClock
from engine.realtime.session import SessionStatus
from engine.score.score import Score
from engine.stage.osc.presets import osc_writer
from engine.stage.osc.target import OscTarget

__all__ = ["OscSender"]


SAID_S = 5.0  # so long it is told that something was not sent


class OscSender:
    """Sends to every target; one that nobody listens on, or that cannot be reached, harms nothing.

    score: what is followed, None where nothing is or where it is a recording
    """

    def __init__(self, targets: Sequence[OscTarget], score: Score | None) -> None:
        self.n_failed = 0  # datagrams that the system did not take
        self._failed_s = -SAID_S  # when it last did not
        self._sockets = {family: _udp(family) for family in {target.family for target in targets}}
        self._writers = [osc_writer(target.preset, self._to(target), score) for target in targets]

    def _to(self, target: OscTarget) -> Callable[[bytes], None]:
        send, address = self._sockets[target.family].sendto, target.address

        def to(data: bytes) -> None:
            try:
                send(data, address)
            except OSError:  # a full buffer, a network that is down: the next position replaces this one
                self.n_failed += 1
                self._failed_s = time.monotonic()

        return to

    @property
    def trouble(self) -> str:
        """Return whether the system takes no datagrams; whether anybody listens is not known."""
        return "the network takes nothing" if time.monotonic() < self._failed_s + SAID_S else ""

    def take(self, event: Event, clock: DeviceClock | None) -> None:
        """Send what an event tells."""
        now_s = time.monotonic()
        for writer in self._writers:
            writer.take(event, now_s)

    def look(self, status: SessionStatus) -> None:
        """Send what has waited."""
        now_s = time.monotonic()
        for writer in self._writers:
            writer.flush(now_s)

    def close(self) -> None:
        """Close the sockets."""
        for each in self._sockets.values():
            with contextlib.suppress(OSError):
                each.close()


def _udp(family: int) -> Any:
    """Return a socket that never waits, and may send to a whole network."""
    made = socket.socket(family, socket.SOCK_DGRAM)
    made.setblocking(False)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    return made
