"""Tell of every loss once, dated where it happened: in the engine process, and what a killed one could not tell."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterator

from engine.core.events import Dropout
from engine.core.shared_memory import Counter, SharedMemory
from engine.realtime.session_types import Counts

__all__ = ["LossAccount", "LossWatch"]

INVALID, SERVER, OUTPUT, RECORDING, EVENTS = "invalid input", "server", "output", "recording", "events"
COUNTED = {Counter.NON_FINITE: INVALID, Counter.LEFT_OUT: SERVER, Counter.MISSING: OUTPUT}
TELL_S = 1.0  # seconds of a loss that goes on, between two events about it

Send = Callable[[Dropout], bool]


class LossWatch:
    """Turn what the counters count into events, in the processing thread.

    send: passes an event on; returns False where there is no space, and is asked again later
    rate: samples a second of the pipeline
    """

    def __init__(self, memory: SharedMemory, send: Send, rate: int) -> None:
        self._memory, self._send, self._rate = memory, send, rate
        self._told = dict.fromkeys(COUNTED, 0)
        self._since = dict.fromkeys(COUNTED, 0)  # where what is not told yet began
        self._hole = range(0)  # of the recording, not told yet
        self._open = False  # whether that hole still grows

    def look(self, now: int) -> None:
        """Tell what has been lost since the last look; now: the newest input sample."""
        for counter, where in COUNTED.items():
            more = self._memory[counter] - self._told[counter]
            if more and self._send(Dropout(at=self._since[counter] or now, emitted_at=now, samples=more, where=where)):
                self._told[counter] += more
                self._since[counter] = 0
            elif more:
                self._since[counter] = self._since[counter] or now
        self._tell_hole(now)

    def unrecorded(self, rows: range, latency: int) -> None:
        """Note rows of the stems, delayed by the latency, that did not fit into the record ring."""
        begin, end = (max(0, row - latency) for row in (rows.start, rows.stop))
        if begin != self._hole.stop:
            self.recorded()
            self._tell_hole(end)
        self._hole = range(self._hole.start if self._hole else begin, end)
        self._open = True

    def recorded(self) -> None:
        """Note that rows fit again."""
        self._open = False

    def _tell_hole(self, now: int) -> None:
        n = len(self._hole)
        if not n or (self._open and n < TELL_S * self._rate):
            return
        if self._send(Dropout(at=self._hole.start, emitted_at=now, samples=n, where=RECORDING)):
            self._hole = range(0)


class LossAccount:
    """Compare, in the main process, what one engine process has counted with what its events have told."""

    def __init__(self) -> None:
        self._told: Tally[str] = Tally()

    def take(self, event: object) -> None:
        """Take an event of the engine process."""
        if isinstance(event, Dropout):
            self._told[event.where] += event.samples

    def unsent(self, counts: Counts) -> Iterator[Dropout]:
        """Return the events that the ring had no space for, as a loss, since the last call."""
        yield from self._missing({EVENTS: counts.unsent}, counts.n_samples)

    def untold(self, counts: Counts) -> Iterator[Dropout]:
        """Return what the engine process has counted, but not told before it ended."""
        counted = {
            INVALID: counts.non_finite,
            SERVER: counts.left_out,
            OUTPUT: counts.missing,
            RECORDING: counts.unrecorded,
        }
        yield from self._missing(counted, counts.n_samples)

    def _missing(self, counted: dict[str, int], now: int) -> Iterator[Dropout]:
        for where, n in counted.items():
            if (more := n - self._told[where]) > 0:
                self._told[where] = n
                at = max(0, now - more) if where == RECORDING else now
                yield Dropout(at=at, emitted_at=now, samples=more, where=where)
