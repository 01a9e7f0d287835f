"""Say when a moment of the input was, or will be, on another clock of this machine."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from engine.core.shared_memory import Counter
from engine.midi.process import MidiProcess
from engine.realtime.device_clock import DeviceClock

__all__ = ["InputTime"]

KEPT = 256  # looks of which the earliest arrival counts


class InputTime:
    """Relate seconds of input to another clock, which counts `rate` a second.

    A port in JACK shares the frames of a session in JACK: there the relation is exact. Elsewhere samples are seen some
    time after they were captured, and the shortest such delay of the last looks is taken for none. What is read from a
    file runs ahead of the device that plays it, so the device's samples count, not those that were processed.

    now: returns the other clock's time
    port: whose clock it is; None for a clock that is no port's
    """

    def __init__(self, now: Callable[[], float], rate: float, port: MidiProcess | None = None) -> None:
        self._now, self._rate, self._port = now, rate, port
        self._offsets: deque[float] = deque(maxlen=KEPT)
        self._offset: float | None = None

    @property
    def known(self) -> bool:
        """Return whether the clocks have been related."""
        return self._offset is not None

    def look(self, clock: DeviceClock) -> None:
        """Compare the clocks; to be called again and again while the session runs."""
        if not clock.memory[Counter.CONSUMED]:
            return
        exact = self._exact(clock)
        if exact is None:
            self._offsets.append(self._now() - clock.elapsed_s * self._rate)
        self._offset = min(self._offsets) if exact is None else exact

    def forget(self) -> None:
        """Forget the relation: the device has gone."""
        self._offsets.clear()
        self._offset = None

    def there(self, at_s: float) -> float:
        """Return the other clock's time at a moment of the input, seconds."""
        assert self._offset is not None
        return at_s * self._rate + self._offset

    def now_s(self) -> float:
        """Return the moment of the input that is captured now, seconds."""
        assert self._offset is not None
        return (self._now() - self._offset) / self._rate

    def _exact(self, clock: DeviceClock) -> float | None:
        """Return the offset of a port that shares JACK's frames with the session; None where they share none."""
        if self._port is None or self._port.origin is None or (frame := clock.frame(clock.base)) is None:
            return None
        return self._port.place(frame) - clock.latency.to_output - clock.base / clock.sample_rate * self._rate
