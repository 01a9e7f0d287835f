"""One clock in samples: a device's, which runs by itself, or a file's, which jumps and never sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

__all__ = ["Clock", "OfflineClock", "SampleClock"]


class Clock(Protocol):
    """Time as a count of input samples since the start."""

    sample_rate: int

    def now(self) -> int:
        """Samples since the start."""
        ...

    def wait_until(self, sample: int) -> None:
        """Return when `now()` has reached `sample`."""
        ...


class OfflineClock:
    """The clock of a file or a test: it stands where it was put, and waiting jumps."""

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self._now = 0

    def now(self) -> int:
        """Samples since the start."""
        return self._now

    def advance(self, samples: int) -> None:
        """Let so many samples pass."""
        self._now += samples

    def wait_until(self, sample: int) -> None:
        """Jump to `sample`, unless it has passed already."""
        self._now = max(self._now, sample)


class SampleClock:
    """The clock of a device: a counter that its callback moves on, read but never written here."""

    def __init__(self, sample_rate: int, counter: Callable[[], int]) -> None:
        self.sample_rate = sample_rate
        self._counter = counter

    def now(self) -> int:
        """Samples that the device has delivered since the start."""
        return self._counter()

    def wait_until(self, sample: int) -> None:
        """Sleep until the device has delivered `sample` samples; for ever if it has stopped."""
        while (missing := sample - self.now()) > 0:
            time.sleep(missing / self.sample_rate)
