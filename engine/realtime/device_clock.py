"""Relate the samples of a session to the clock of its device."""

from __future__ import annotations

from typing import NamedTuple

from engine.core.shared_memory import Counter, SharedMemory
from engine.realtime.messages import Latency

__all__ = ["DeviceClock"]


class DeviceClock(NamedTuple):
    """The clocks of one engine process.

    memory: its shared memory
    base: sample of the session at which it began
    sample_rate: of the session, Hz
    latency: its declared latency
    """

    memory: SharedMemory
    base: int
    sample_rate: int
    latency: Latency

    def now(self) -> int:
        """Return the sample that the device takes now, or gives of a file, to half a block."""
        elapsed = self.memory[Counter.SAMPLES] - self.memory[Counter.ARMED_AT] + self.memory[Counter.BLOCK] // 2
        return self.base + round(elapsed * self.sample_rate / self.latency.sample_rate)

    @property
    def elapsed_s(self) -> float:
        """Return the seconds of the session up to the end of the last block that the device took or gave."""
        taken = self.memory[Counter.SAMPLES] - self.memory[Counter.ARMED_AT]
        return self.base / self.sample_rate + taken / self.latency.sample_rate

    def sounds_at(self, at: int) -> int:
        """Return the sample of the input at which what is rendered at sample `at` is heard."""
        return at + round(self.latency.total * self.sample_rate / self.latency.sample_rate)

    def frame(self, at: int) -> int | None:
        """Return JACK's frame, modulo 2^32, at which what is rendered at `at` leaves; None where JACK is not in use."""
        if not (origin := self.memory[Counter.ORIGIN]):
            return None
        ratio = self.latency.sample_rate / self.sample_rate
        return (origin + round((at - self.base) * ratio) + self.latency.to_output) % (1 << 32)
