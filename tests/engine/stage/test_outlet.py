"""Outlets: what they say of themselves, and how they end."""

from __future__ import annotations

import threading
import time

from engine.core.events import Event
from engine.realtime.device_clock import DeviceClock
from engine.realtime.session_types import SessionStatus
from engine.stage.outlet import NamedOutlet, close_together
from engine.stage.server.messages import outlet_rows


class Said:
    """An outlet that says what it is told to, and ends when it may."""

    def __init__(self, trouble: str = "", may_end: threading.Event | None = None) -> None:
        self.trouble, self.may_end, self.ended = trouble, may_end, threading.Event()

    def take(self, event: Event, clock: DeviceClock | None) -> None: ...

    def look(self, status: SessionStatus) -> None: ...

    def close(self) -> None:
        if self.may_end is not None:
            self.may_end.wait(60)
        self.ended.set()


def test_all_end_at_the_same_time_and_one_that_hangs_holds_nobody_up() -> None:
    """Each of two waits for the other; the third for nobody."""
    hanging = Said(may_end=threading.Event())
    one, other = Said(), Said()
    one.may_end, other.may_end = other.ended, threading.Event()
    other.may_end.set()
    begun_s = time.monotonic()
    close_together([one, hanging, other], limit_s=0.5)
    assert one.ended.is_set() and other.ended.is_set() and not hanging.ended.is_set()
    assert time.monotonic() - begun_s < 30  # it would wait a minute
    assert hanging.may_end is not None
    hanging.may_end.set()


def test_a_name_is_well_when_all_of_it_is() -> None:
    rows = outlet_rows(
        [NamedOutlet("POST", Said()), NamedOutlet("OSC", Said()), NamedOutlet("POST", Said("no answer"))]
    )
    assert rows == [{"name": "POST", "ok": False, "line": "no answer"}, {"name": "OSC", "ok": True, "line": ""}]
