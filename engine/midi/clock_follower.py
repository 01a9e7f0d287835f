"""Follow a MIDI clock through jitter, lost ticks and any change of tempo.

A tick that comes late may follow lost ticks, be late itself, or be the first of a slower tempo; only the ticks after it
tell. So several readings of the past are kept, each with its count of ticks, its phase and its period, and the one that
explains the ticks best is reported: multiple hypothesis tracking (Reid 1979, IEEE Trans. Automatic Control 24(6)),
each reading a Kalman filter of phase and period (Bar-Shalom, Li & Kirubarajan 2001, Estimation, section 6.2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from engine.midi.clock import CLOCK, CONTINUE, POSITION, START, STOP, TICKS, TICKS_PER_SIXTEENTH

__all__ = ["ClockFollower"]

JITTER_S = 0.002  # standard deviation of a tick's time
WANDER = 0.001  # of the period, from tick to tick: standard deviation of its logarithm
LOST_TICKS = 12  # after a longer gap the clock was paused
SHORTEST_S, LONGEST_S = 60 / (TICKS * 1000), 60 / (TICKS * 10)  # periods: 1000 to 10 quarters a minute
KEPT = 8  # readings
HOPELESS = 16.0  # nats: a reading that costs so much more than the best is dropped
SAME_PERIOD = 0.03  # readings whose periods differ less are one

# Prices, in nats: how rarely a clock does this.
CHANGE = 9.5  # of tempo, at once: two gaps of lost ticks in a row are cheaper, three are not
CHANGE_AFTER_PAUSE = 1.0
LOSS, EACH_LOST = 4.0, 0.5  # of ticks
LATE = 7.0  # a tick whose time says nothing
PAUSE = 6.0


@dataclass(slots=True)
class _Reading:
    """One reading of the ticks so far; times are samples.

    cost: negative logarithm of its likelihood, against the best reading's
    ticks: index of the last tick; n_lost: ticks taken for lost
    phase, period: of the last tick; None before a second tick
    variance: of phase, of both, of period
    paused: whether the last tick ended a pause
    """

    cost: float
    ticks: int
    phase: float
    period: float | None = None
    variance: tuple[float, float, float] = (0.0, 0.0, 0.0)
    n_lost: int = 0
    paused: bool = True

    def passed(self, at: int) -> float:
        """Return the periods since the last tick."""
        assert self.period is not None
        return (at - self.phase) / self.period

    def counted(self, at: int, n: int, noise: float) -> _Reading:
        """Return the reading in which the tick at sample `at` is the n-th after the last; noise: variance, samples."""
        assert self.period is not None
        p, c, v = self.variance
        wander = (WANDER * self.period) ** 2
        p, c, v = p + n * (2 * c + n * v) + n**3 / 3 * wander, c + n * v + n * n / 2 * wander, v + n * wander
        error = at - self.phase - n * self.period
        total = p + min(noise, (self.period / 6) ** 2)
        price = (LOSS + EACH_LOST * (n - 1) if n > 1 else 0.0) + (error * error / total + math.log(total / noise)) / 2
        return _Reading(
            cost=self.cost + price,
            ticks=self.ticks + n,
            phase=self.phase + n * self.period + p / total * error,
            period=max(self.period + c / total * error, self.period / 4),
            variance=(p - p * p / total, c - p * c / total, v - c * c / total),
            n_lost=self.n_lost + n - 1,
            paused=False,
        )

    def ignored(self) -> _Reading:
        """Return the reading in which the tick counts, but its time says nothing."""
        assert self.period is not None
        p, c, v = self.variance
        return replace(
            self,
            cost=self.cost + LATE,
            ticks=self.ticks + 1,
            phase=self.phase + self.period,
            variance=(p + 2 * c + v, c + v, v),
            paused=False,
        )

    def changed(self, before: int, at: int, noise: float) -> _Reading:
        """Return the reading in which the tempo changed at the tick before, at sample `before`."""
        price = 0.0 if self.period is None else CHANGE_AFTER_PAUSE if self.paused else CHANGE
        return _Reading(
            cost=self.cost + price,
            ticks=self.ticks + 1,
            phase=float(at),
            period=float(at - before),
            variance=(noise, noise, 2 * noise),
            n_lost=self.n_lost,
            paused=False,
        )

    def resumed(self, at: int, price: float, noise: float) -> _Reading:
        """Return the reading in which this tick ends a pause; the tempo may be the same."""
        return replace(
            self,
            cost=self.cost + price,
            ticks=self.ticks + 1,
            phase=float(at),
            variance=(noise, 0.0, self.variance[2]),
            paused=True,
        )


class ClockFollower:
    """Follow tempo and position of a clock, times in samples."""

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self.running = False
        self._noise = (JITTER_S * sample_rate) ** 2
        self._readings: list[_Reading] = []  # the best first
        self._before = 0  # sample of the last tick
        self._resuming = False
        self._ticks = -1  # index of the last tick, before there is a reading; the first after a start is tick 0

    @property
    def tempo_bpm(self) -> float | None:
        """Return the quarters per minute; None until two ticks have arrived."""
        period = self._readings[0].period if self._readings else None
        return None if period is None else self.sample_rate * 60 / (period * TICKS)

    @property
    def n_repaired(self) -> int:
        """Return the number of ticks that were lost."""
        return self._readings[0].n_lost if self._readings else 0

    @property
    def moving(self) -> bool:
        """Return whether the clock runs, and a tick has come since it was started or continued."""
        return self.running and not self._resuming

    def position(self, at: int) -> float | None:
        """Return the quarters since the start, at sample `at`; None before the first tick; constant while stopped."""
        if not self._readings:
            return None
        best = self._readings[0]
        if not self.running or best.period is None:
            return max(best.ticks, 0) / TICKS
        ahead = min(max(best.passed(at), 0.0), float(LOST_TICKS))
        return max(best.ticks + ahead, 0.0) / TICKS

    def take(self, at: int, message: bytes) -> None:
        """Process one message of any kind."""
        status = message[0]
        if status == CLOCK:
            self._on_tick(at)
        elif status == START:
            self._set_ticks(-1)
            self.running = self._resuming = True
        elif status == CONTINUE:
            self.running = self._resuming = True
        elif status == STOP:
            self.running = False
        elif status == POSITION and len(message) == 3:
            self._set_ticks((message[1] | message[2] << 7) * TICKS_PER_SIXTEENTH - 1)

    def _set_ticks(self, ticks: int) -> None:
        self._ticks = ticks
        for reading in self._readings:
            reading.ticks = ticks

    def _on_tick(self, at: int) -> None:
        if self._readings:
            known = [(reading.ticks, new) for reading in self._readings for new in self._children(reading, at)]
            for before, new in known:
                new.ticks = new.ticks if self.running else before
            self._readings = _best([new for _, new in known])
        else:
            self._readings = [_Reading(0.0, self._ticks + self.running, float(at))]
        self._before, self._resuming = at, False

    def _children(self, reading: _Reading, at: int) -> list[_Reading]:
        """Return what a tick may mean after a reading."""
        usual = SHORTEST_S / 2 <= (at - self._before) / self.sample_rate <= LONGEST_S * 1.05
        changed = [reading.changed(self._before, at, self._noise)] if usual else []
        if self._resuming or (reading.period is None and not usual):
            return [reading.resumed(at, 0.0, self._noise)]
        if reading.period is None:
            return changed
        passed = reading.passed(at)
        if passed > LOST_TICKS + 0.5:
            return [reading.resumed(at, PAUSE, self._noise), *changed]
        counts = {1, max(1, math.floor(passed)), max(1, math.ceil(passed))}
        return [*(reading.counted(at, n, self._noise) for n in counts), reading.ignored(), *changed]


def _best(readings: list[_Reading]) -> list[_Reading]:
    """Return the cheapest readings that differ, the cheapest first and for nothing."""
    kept: dict[tuple[int, int], _Reading] = {}
    least = min(reading.cost for reading in readings)
    near = [reading for reading in readings if reading.cost < least + HOPELESS]
    for reading in sorted(near, key=lambda each: each.cost):
        reading.cost -= least
        octave = 0.0 if reading.period is None else math.log(max(reading.period, 1.0))
        kept.setdefault((reading.ticks, round(octave / SAME_PERIOD)), reading)
    return list(kept.values())[:KEPT]
