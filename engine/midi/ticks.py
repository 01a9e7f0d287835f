"""Send regular ticks on a line of phase over time that can be steered ahead of time: MIDI clock and MIDI time code."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from enum import Enum
from typing import NamedTuple

from engine.core.config import require

__all__ = ["TickSender"]

FASTEST, SLOWEST = 20_000.0, 1e-3  # ticks a second
LEAD_S = 0.001  # what starts a clock comes so much before the first tick (MIDI 1.0 detailed specification, p. 30)
CLOSEST = 0.5  # of a period: ticks that have to catch up keep this distance
ASAP, NEVER = float("-inf"), float("inf")


class _Kind(Enum):
    LOCATE, BEGIN, RUN, STEER, HALT = range(5)


class _Step(NamedTuple):
    """A step of the plan, at a sample; with RUN and STEER the phase there, in ticks, and samples per tick."""

    at: float
    kind: _Kind
    ticks: float = 0.0
    per_tick: float = 0.0


class TickSender(ABC):
    """Generate ticks and what begins and ends them; times in samples.

    Tick k lies where the line has the phase k, rounded once, so there is no drift. A line that is changed never sends
    a tick twice nor leaves one out, and ticks that have to catch up come at most twice as fast.
    """

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self.running = False
        self._line: _Step | None = None  # None while there are no ticks
        self._next, self._last = 0, ASAP  # number of the next tick; when the last was
        self._sent_at = 0  # when the last message was
        self._plan: deque[_Step] = deque()

    @abstractmethod
    def locating(self, tick: int) -> list[bytes]:
        """Return what tells a receiver that stands where it will begin."""

    @abstractmethod
    def beginning(self, tick: int) -> list[bytes]:
        """Return what makes it begin."""

    @abstractmethod
    def tick(self, number: int) -> bytes:
        """Return the message of a tick."""

    @abstractmethod
    def ending(self) -> list[bytes]:
        """Return what makes it stop."""

    def begin(self, at: float, tick: int, ticks_per_s: float) -> None:
        """Begin with a tick at sample `at`."""
        per_tick = self._period(ticks_per_s)
        before = self._plan[-1].at if self._plan else ASAP
        lead = max(at - round(LEAD_S * self.sample_rate), before)
        self._plan.append(_Step(before, _Kind.LOCATE, tick))
        self._plan.append(_Step(lead, _Kind.BEGIN, tick))
        self._plan.append(_Step(float(at), _Kind.RUN, tick, per_tick))

    def steer(self, at: float, ticks: float, ticks_per_s: float) -> None:
        """From sample `at` on, where the phase is `ticks`, run at this rate."""
        self._plan.append(_Step(float(at), _Kind.STEER, ticks, self._period(ticks_per_s)))

    def halt_at(self, at: float) -> None:
        """Stop at a sample; what was planned from there on is dropped."""
        self._plan = deque(step for step in self._plan if step.at < at)
        self._plan.append(_Step(float(at), _Kind.HALT))

    def halt(self) -> list[bytes]:
        """Stop; return the messages to send, if it was running."""
        self._plan.clear()
        return self._end()

    def next_at(self) -> int | None:
        """Return the sample of what comes next, None if nothing will."""
        first = min(self._tick_at(), self._plan[0].at if self._plan else NEVER)
        return None if first == NEVER else round(max(first, 0.0))

    def due(self, end: int) -> list[tuple[int, bytes]]:
        """Return every message before sample `end` that has not been returned yet."""
        out: list[tuple[int, bytes]] = []
        while (first := self.next_at()) is not None and first < end:
            self._sent_at = max(self._sent_at, first)
            out += [(self._sent_at, message) for message in self._now()]
        return out

    def _now(self) -> list[bytes]:
        """Take the first step of the plan, or the next tick, whichever comes first; return what it sends."""
        tick_at = self._tick_at()
        if self._plan and self._plan[0].at <= tick_at:
            return self._apply(self._plan.popleft())
        self._next, self._last = self._next + 1, tick_at
        return [self.tick(self._next - 1)]

    def _tick_at(self) -> float:
        if (line := self._line) is None:
            return NEVER
        at = line.at + (self._next - line.ticks) * line.per_tick
        return max(at, line.at, self._last + CLOSEST * line.per_tick)

    def _apply(self, step: _Step) -> list[bytes]:
        if step.kind is _Kind.HALT:
            return self._end()
        if step.kind is _Kind.LOCATE:
            return self.locating(round(step.ticks))
        if step.kind is _Kind.BEGIN:
            self.running, self._line = True, None
            return self.beginning(round(step.ticks))
        if step.kind is _Kind.RUN:
            self._next, self._last = round(step.ticks), ASAP
        if step.kind is _Kind.RUN or self._line is not None:
            self._line = step
        return []

    def _end(self) -> list[bytes]:
        was, self.running, self._line = self.running, False, None
        return self.ending() if was else []

    def _period(self, ticks_per_s: float) -> float:
        require("ticks a second", ticks_per_s, SLOWEST, FASTEST)
        return self.sample_rate / ticks_per_s
