"""Send a MIDI clock of 24 ticks a quarter without drift."""

from __future__ import annotations

from engine.core.config import require

__all__ = [
    "CLOCK",
    "CONTINUE",
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


class ClockSender:
    """Generate start, ticks, tempo changes and stop.

    Tick k lies at origin + k * samples per tick, rounded once, so there is no drift.
    """

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self.running = False
        self._origin, self._per_tick, self._tick = 0.0, 0.0, 0
        self._first: list[bytes] = []

    def start(self, at: int, tempo_bpm: float, *, sixteenth: int = 0) -> None:
        """Start at sample `at`: from the top, or from a sixteenth by song position and continue."""
        require("tempo_bpm", tempo_bpm, 10, 1000)
        self._origin, self._tick, self.running = float(at), 0, True
        self._per_tick = self._samples(tempo_bpm)
        self._first = [song_position(sixteenth), bytes((CONTINUE,))] if sixteenth else [bytes((START,))]

    def set_tempo(self, tempo_bpm: float) -> None:
        """Set the tempo from the next tick on."""
        require("tempo_bpm", tempo_bpm, 10, 1000)
        self._origin += self._tick * self._per_tick
        self._tick, self._per_tick = 0, self._samples(tempo_bpm)

    def halt(self) -> list[bytes]:
        """Stop; return the message to send, if the clock was running."""
        was, self.running, self._first = self.running, False, []
        return [bytes((STOP,))] if was else []

    def next_at(self) -> int | None:
        """Return the sample of the next tick."""
        return round(self._origin + self._tick * self._per_tick) if self.running else None

    def due(self, end: int) -> list[tuple[int, bytes]]:
        """Return every message before sample `end` that has not been returned yet."""
        out: list[tuple[int, bytes]] = []
        while (at := self.next_at()) is not None and at < end:
            out += [(at, message) for message in self._first]
            self._first = []
            out.append((at, bytes((CLOCK,))))
            self._tick += 1
        return out

    def _samples(self, tempo_bpm: float) -> float:
        return self.sample_rate * 60 / tempo_bpm / TICKS
