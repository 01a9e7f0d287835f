"""Measure time in samples: by a device's clock, which runs by itself, or a file's, which jumps and never sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

__all__ = ["Clock", "OfflineClock", "SampleClock"]


class Clock(Protocol):
    """Time as a count of input samples since the start."""

    sample_rate: int

    def now(self) -> int:
        """Return the samples since the start."""
        ...

    def wait_until(self, sample: int) -> None:
        """Return when `now()` has reached `sample`."""
        ...


class OfflineClock:
    """Clock of a file or a test: it changes only when set, and waiting jumps."""

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self._now = 0

    def now(self) -> int:
        """Return the samples since the start."""
        return self._now

    def advance(self, samples: int) -> None:
        """Advance the clock by `samples`."""
        self._now += samples

    def wait_until(self, sample: int) -> None:
        """Jump to `sample`, unless it has passed already."""
        self._now = max(self._now, sample)


class SampleClock:
    """Clock of a device: a counter that its callback increments, only read here."""

    def __init__(self, sample_rate: int, counter: Callable[[], int]) -> None:
        self.sample_rate = sample_rate
        self._counter = counter

    def now(self) -> int:
        """Return the samples that the device has delivered since the start."""
        return self._counter()

    def wait_until(self, sample: int) -> None:
        """Sleep until the device has delivered `sample` samples; forever if it has stopped."""
        while (missing := sample - self.now()) > 0:
            time.sleep(missing / self.sample_rate)
