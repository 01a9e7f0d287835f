"""Send a MIDI clock of 24 ticks a quarter without drift, and follow one despite jitter and lost ticks."""

from __future__ import annotations

from engine.core.config import require

__all__ = ["CLOCK", "CONTINUE", "START", "STOP", "ClockFollower", "ClockSender", "song_position"]

CLOCK, START, CONTINUE, STOP, POSITION = 0xF8, 0xFA, 0xFB, 0xFC, 0xF2
TICKS = 24  # per quarter note
TICKS_PER_SIXTEENTH = 6  # the unit of the song position
LAST_POSITION = (1 << 14) - 1
PHASE_GAIN, RATE_GAIN = 0.15, 0.01  # of the loop, after lock
LOST_TICKS = 12  # after a longer gap the phase is acquired anew


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


class ClockFollower:
    """Follow clock ticks by a second-order phase-locked loop (Gardner, Phaselock Techniques, ch. 2), with gap repair.

    A tick that comes n periods after the last counts as n ticks, so lost ticks never delay the position.
    """

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self.running = False
        self.n_repaired = 0
        self._ticks = -1  # index of the last tick received; the first after a start is tick 0
        self._phase: float | None = None  # expected time of the last tick
        self._period: float | None = None
        self._seen = 0

    @property
    def tempo_bpm(self) -> float | None:
        """Return the quarters per minute; None until two ticks have arrived."""
        return None if self._period is None else self.sample_rate * 60 / (self._period * TICKS)

    def position(self, at: int) -> float | None:
        """Return the quarters since the start, at sample `at`; None before the first tick; constant while stopped."""
        if self._phase is None:
            return None
        if not self.running or self._period is None:
            return max(self._ticks, 0) / TICKS
        ahead = min(max((at - self._phase) / self._period, 0.0), float(LOST_TICKS))
        return max(self._ticks + ahead, 0.0) / TICKS

    def take(self, at: int, message: bytes) -> None:
        """Process one message of any kind."""
        status = message[0]
        if status == CLOCK:
            self._on_tick(at)
        elif status == START:
            self._ticks, self.running = -1, True
        elif status == CONTINUE:
            self.running = True
        elif status == STOP:
            self.running = False
        elif status == POSITION and len(message) == 3:
            self._ticks = (message[1] | message[2] << 7) * TICKS_PER_SIXTEENTH - 1

    def _on_tick(self, at: int) -> None:
        passed = 1
        if self._phase is None:
            self._phase = float(at)
        elif self._period is None or self._seen < 2:
            self._period, self._phase = at - self._phase, float(at)
        else:
            passed = self._correct(at)
        self._seen += 1
        if self.running:
            self._ticks += passed

    def _correct(self, at: int) -> int:
        """Correct phase and period towards a tick; return how many ticks it counts as."""
        assert self._phase is not None and self._period is not None
        n = max(1, round((at - self._phase) / self._period))
        if n > LOST_TICKS:  # the clock was paused: same tempo, new phase
            self._phase = float(at)
            return 1
        self.n_repaired += n - 1
        gain = 1.0 / self._seen if self._seen < 1 / PHASE_GAIN else PHASE_GAIN
        rate = max(gain * gain / 2, RATE_GAIN)
        error = at - (self._phase + n * self._period)
        self._phase += n * self._period + gain * error
        self._period = max(self._period + rate * error / n, 1.0)
        return n
