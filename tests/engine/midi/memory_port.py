"""A MIDI port without a device."""

from __future__ import annotations

from engine.midi.notes import Timed
from engine.midi.port import MidiConfig, PortCore


class MemoryPort:
    """A port without a device: its time moves by `advance`, and its output is kept."""

    def __init__(self, config: MidiConfig) -> None:
        self.outlet = PortCore.of(config, config.sample_rate)
        self.sent: list[Timed] = []
        self._now = 0

    def now(self) -> int:
        """Return the samples since the port opened."""
        return self._now

    def advance(self, samples: int) -> None:
        """Advance the time by `samples`."""
        self.sent += self.outlet.due(self._now, self._now + samples)
        self._now += samples

    def close(self) -> None:
        """Send what ends every note."""
        self.outlet.scheduler.stop()
        self.advance(1)
