"""Control where in the score the session is: from here, loops, the count-in."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence

from engine.core.config import require
from engine.core.errors import ConfigError
from engine.core.orders import CountIn, GoTo
from engine.stage.controls.desk import StageDesk
from engine.stage.controls.runs import RunControls

__all__ = ["PlaceControls"]

SAME = 1e-4  # quarters


class PlaceControls(RunControls):
    """Send a session to a place, or let it repeat some bars.

    bars: returns the (quarter, number) of each bar of the score at hand
    here: returns the quarter that is played now
    change: has the session that runs go on in the bars that the desk says; returns whether that is possible
    """

    def __init__(self, does: Collection[str], desk: StageDesk) -> None:
        super().__init__(does, desk)
        self.bars: Callable[[], Sequence[tuple[float, int]]] = tuple
        self.here: Callable[[], float] = float
        self.change: Callable[[], bool] = bool

    def go_to(self, quarter: float) -> None:
        """Follow from here: wait for what is played at this quarter."""
        self._need("follow")
        require("quarter", quarter, 0, 1e6)
        if self._session is None:
            raise ConfigError("from here", expected="a session that runs", got="none", remedy="start it first")
        if (loop := self.desk.loop) is not None and not self._within(loop, quarter):
            expected = f"a place in bars {loop[0]} to {loop[1]}, which are repeated"
            raise ConfigError("from here", expected=expected, got="another", remedy="end the loop first")
        self._order(GoTo(float(quarter)))

    def go_to_bar(self, number: int) -> None:
        """Follow from the first bar of this number."""
        self.go_to(self._quarter_of(number))

    def loop(self, first: int | None, last: int | None) -> None:
        """Play these bars again and again, None for all once; a session that runs goes on in them where it can."""
        self._need("follow")
        if first is None or last is None:
            self._set(loop=None)
        else:
            if self._quarter_of(first) > self._quarter_of(last):
                raise ConfigError("loop", expected="the first bar before the last", got=f"{first}-{last}")
            self._set(loop=(int(first), int(last)))
        if self._session is None or not self.change():
            self.begin_again()

    def _quarter_of(self, number: int) -> float:
        bars = self.bars()
        for quarter, each in bars:
            if each == number:
                return max(quarter, 0.0)
        known = f"a bar from {min(n for _, n in bars)} to {max(n for _, n in bars)}" if bars else "a score with bars"
        raise ConfigError("bar", expected=known, got=str(number))

    def _within(self, loop: tuple[int, int], quarter: float) -> bool:
        begin, end = self._span(loop)
        return begin - SAME <= quarter < end - SAME

    def _span(self, loop: tuple[int, int]) -> tuple[float, float]:
        """Return where bars begin and end the first time that they are played, quarters."""
        bars = self.bars()
        numbers = [number for _, number in bars]
        first = numbers.index(loop[0])
        last = numbers.index(loop[1], first) + 1
        return max(bars[first][0], 0.0), bars[last][0] if last < len(bars) else math.inf

    def _bar_here(self) -> float:
        """Return where the bar that is played now begins, or the loop where it is played elsewhere, quarters."""
        here, loop = self.here(), self.desk.loop
        if loop is not None and not self._within(loop, here):
            return self._span(loop)[0]
        return max((begin for begin, _ in self.bars() if begin <= here + SAME), default=0.0)

    def count_in(self) -> None:
        """Count a bar, then accompany from the bar that is played now; where nothing runs, start so."""
        self._need("accompany")
        if self._session is not None:
            return self._order(CountIn(self._bar_here(), 1))
        self.count_in_bars = 1
        self.start()
