"""Define what listens to a session on stage: everything that passes its events on to other programs or to a page."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from engine.core.events import Event

if TYPE_CHECKING:  # the page is served before what a session needs is loaded
    from engine.realtime.device_clock import DeviceClock
    from engine.realtime.session import Session, SessionStatus

__all__ = ["NamedOutlet", "Outlet", "close_together", "fan_out"]

CLOSE_S = 0.8  # that all outlets together may take to end what sounds, and what waits


class Outlet(Protocol):
    """A listener of a session, in its main process. What acts in time has a thread of its own."""

    @property
    def trouble(self) -> str:
        """Return what is wrong with the other side now, in a few words; empty where nothing is."""
        ...

    def take(self, event: Event, clock: DeviceClock | None) -> None:
        """Take an event, in the session's thread; return at once and raise nothing.

        clock: of the engine process that runs; None while none does, or over a file without devices
        """
        ...

    def look(self, status: SessionStatus) -> None:
        """Take the session's status, every 0.1 s and at changes."""
        ...

    def close(self) -> None:
        """End what sounds or counts; never raise."""
        ...


class NamedOutlet(NamedTuple):
    """An outlet, and what users call it."""

    name: str
    outlet: Outlet


def close_together(outlets: Sequence[Outlet], limit_s: float = CLOSE_S) -> None:
    """Close all at the same time; what has not ended by the limit is left to itself."""
    threads = [threading.Thread(target=outlet.close, daemon=True, name="closing") for outlet in outlets]
    for thread in threads:
        thread.start()
    end_s = time.monotonic() + limit_s
    for thread in threads:
        thread.join(max(end_s - time.monotonic(), 0.0))


def fan_out(
    session: Session, outlets: Sequence[Outlet]
) -> tuple[Callable[[Event], None], Callable[[SessionStatus], None]]:
    """Return what a session is to call with every event and every status, so that all outlets get them."""

    def take(event: Event) -> None:
        for outlet in outlets:
            outlet.take(event, session.clock)

    def watch(status: SessionStatus) -> None:
        for outlet in outlets:
            outlet.look(status)

    return take, watch
