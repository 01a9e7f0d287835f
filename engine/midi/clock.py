"""Send a MIDI clock of 24 ticks a quarter without drift."""

from __future__ import annotations

from engine.core.config import require
from engine.midi.ticks import TickSender

__all__ = [
    "CLOCK",
    "CONTINUE",
    "LAST_POSITION",
    "POSITION",
    "START",
    "STOP",
    "TICKS",
    "TICKS_PER_SIXTEENTH",
    "ClockSender",
    "song_position",
]

CLOCK, START, CONTINUE, STOP, POSITION = 0xF8, 0xFA, 0xFB, 0xFC, 0xF2
TICKS = 24  # per quarter note
TICKS_PER_SIXTEENTH = 6  # the unit of the song position
LAST_POSITION = (1 << 14) - 1


def song_position(sixteenth: int) -> bytes:
    """Return the message that sets the song position, in sixteenths from the start, 0 to 16,383."""
    place = max(0, min(sixteenth, LAST_POSITION))
    return bytes((POSITION, place & 0x7F, place >> 7))


class ClockSender(TickSender):
    """Generate start or continue, ticks, tempo changes and stop."""

    def start(self, at: int, tempo_bpm: float, *, sixteenth: int = 0) -> None:
        """Start at sample `at`: from the top, or from a sixteenth by song position and continue."""
        require("tempo_bpm", tempo_bpm, 10, 1000)
        self.begin(at, sixteenth * TICKS_PER_SIXTEENTH, tempo_bpm * TICKS / 60)

    def locating(self, tick: int) -> list[bytes]:
        """Return the song position; a start from the top needs none."""
        return [song_position(tick // TICKS_PER_SIXTEENTH)] if tick else []

    def beginning(self, tick: int) -> list[bytes]:
        """Return start, or continue."""
        return [bytes((CONTINUE,))] if tick else [bytes((START,))]

    def tick(self, number: int) -> bytes:
        """Return a tick."""
        return bytes((CLOCK,))

    def ending(self) -> list[bytes]:
        """Return stop."""
        return [bytes((STOP,))]
