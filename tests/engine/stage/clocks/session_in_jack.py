"""A session that is played by a list: its clock in JACK is real, its events are given."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

from engine.core.events import Event, Position, State
from engine.core.shared_memory import Counter
from engine.realtime.device_clock import DeviceClock
from engine.realtime.messages import Latency
from engine.realtime.session_types import SessionStatus
from engine.realtime.states import SessionState
from engine.stage.outlet import Outlet

__all__ = ["RATE", "SessionInJack", "played"]

RATE = 48_000
HOP_S = 0.012
DELAY_S = 0.09  # of the follower


class SessionInJack:
    """Counts samples from its making on; `begin`: JACK's frame then."""

    def __init__(self, begin: int) -> None:
        self.begin, self._begun_s = begin, time.monotonic()
        memory: Any = dict.fromkeys(Counter, 0) | {Counter.ORIGIN: begin + (1 << 32), Counter.CONSUMED: 1}
        self._memory = memory
        latency = Latency(sample_rate=RATE, device=0, rings=0, resampling=0, pipeline=0)
        self.clock = DeviceClock(memory=memory, base=0, sample_rate=RATE, latency=latency)

    def play(self, outlet: Outlet, events: Iterator[tuple[float, Event]], state: SessionState | None = None) -> None:
        """Give each event when it is due, seconds from the beginning."""
        outlet.look(SessionStatus(state=state or SessionState.RUNNING))
        for at_s, event in events:
            while (now_s := time.monotonic() - self._begun_s) < at_s:
                time.sleep(min(at_s - now_s, 0.005))
            self._memory[Counter.SAMPLES] = round(at_s * RATE)
            outlet.take(event, self.clock)


def played(
    place: Callable[[float], float], begin_s: float, end_s: float, bpm: float = 120.0
) -> Iterator[tuple[float, Event]]:
    """A follower that sees the performer at `place`, quarters by seconds."""
    yield begin_s, State(at=0, emitted_at=0, name="following", why="")
    at_s = begin_s
    while at_s < end_s:
        at = round(at_s * RATE)
        told = SimpleNamespace(at=at, emitted_at=at + round(DELAY_S * RATE), bar=1, score_s=0.0, confidence=1.0)
        yield at_s + DELAY_S, Position(quarter=place(at_s), tempo_bpm=bpm, **vars(told))
        at_s += HOP_S
