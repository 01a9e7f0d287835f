"""Prevent hanging notes: track the output, end a note before it is struck again, end all notes on a stop.

Messages are bytes; times are samples on one clock. Nothing here does I/O, so every rule is tested without a port.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import count

from engine.core.config import Settings, ranged
from engine.midi.ticks import TickSender

__all__ = [
    "ALL_NOTES_OFF",
    "ALL_SOUND_OFF",
    "SUSTAIN",
    "FeedbackGuard",
    "MidiScheduler",
    "NoteSafety",
    "NoteTracker",
    "control_change",
    "note_off",
    "note_on",
]

NOTE_OFF, NOTE_ON, CONTROL = 0x80, 0x90, 0xB0
SUSTAIN, ALL_SOUND_OFF, ALL_NOTES_OFF = 64, 120, 123
Timed = tuple[int, bytes]


def note_on(channel: int, pitch: int, velocity: int) -> bytes:
    """Return a note-on message."""
    return bytes((NOTE_ON | channel, pitch, velocity))


def note_off(channel: int, pitch: int) -> bytes:
    """Return a note-off message."""
    return bytes((NOTE_OFF | channel, pitch, 64))


def control_change(channel: int, controller: int, value: int) -> bytes:
    """Return a message of a controller."""
    return bytes((CONTROL | channel, controller, value))


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteSafety(Settings):
    """How notes are kept from hanging."""

    longest: int = ranged(44100 * 11, 1, 1 << 40, "longest note; after this it is ended", unit="samples")
    repair: int = ranged(44100 // 5, 0, 1 << 40, "how far back note-offs are sent again after a loss", unit="samples")
    deaf: int = ranged(
        44100 * 30 // 1000,
        0,
        1 << 40,
        "how long received messages equal to sent ones count as our own echo",
        unit="samples",
    )


class NoteTracker:
    """Track the sounding notes from the messages that are sent."""

    def __init__(self, safety: NoteSafety) -> None:
        self.safety = safety
        self.sounding: dict[tuple[int, int], int] = {}  # (channel, pitch): onset
        self._ended: deque[tuple[int, int, int]] = deque()  # (time, channel, pitch), for repairs
        self._channels: set[int] = set()

    def take(self, at: int, message: bytes) -> list[bytes]:
        """Return the messages to send for `message`: itself, after a note-off if its note is still sounding."""
        kind, channel = message[0] & 0xF0, message[0] & 0x0F
        if message[0] >= 0xF0:
            return [message]
        self._channels.add(channel)
        if kind == NOTE_ON and message[2]:
            key = (channel, message[1])
            before = [note_off(*key)] if key in self.sounding else []
            self.sounding[key] = at
            return [*before, message]
        if kind in (NOTE_OFF, NOTE_ON):
            self._end(at, (channel, message[1]))
        if kind == CONTROL and message[1] in (ALL_SOUND_OFF, ALL_NOTES_OFF):
            for key in [key for key in self.sounding if key[0] == channel]:
                self._end(at, key)
        return [message]

    def expired(self, now: int) -> list[Timed]:
        """Return the note-offs of notes that have sounded too long."""
        late = [(since + self.safety.longest, key) for key, since in self.sounding.items()]
        ends = sorted(pair for pair in late if pair[0] <= now)
        for at, key in ends:
            self._end(at, key)
        return [(at, note_off(*key)) for at, key in ends]

    def repairs(self, now: int) -> list[bytes]:
        """Return the recent note-offs to repeat after a loss, except those whose note has been struck again."""
        self._forget(now)
        keys = dict.fromkeys((channel, pitch) for _, channel, pitch in self._ended)
        return [note_off(*key) for key in keys if key not in self.sounding]

    def release(self, at: int) -> list[bytes]:
        """End everything: note-offs, then all-notes-off and sustain-off on every channel that was used."""
        offs = [note_off(*key) for key in self.sounding]
        for key in list(self.sounding):
            self._end(at, key)
        quiet = [bytes((CONTROL | c, what, 0)) for c in sorted(self._channels) for what in (ALL_NOTES_OFF, SUSTAIN)]
        return [*offs, *quiet]

    def _end(self, at: int, key: tuple[int, int]) -> None:
        if self.sounding.pop(key, None) is not None:
            self._forget(at)
            self._ended.append((at, *key))

    def _forget(self, now: int) -> None:
        """Forget note-offs that are too old to be repeated."""
        while self._ended and self._ended[0][0] < now - self.safety.repair:
            self._ended.popleft()


class MidiScheduler:
    """Queue timed messages from any thread, and return those due to the port's thread, protected against hanging notes.

    `push`, `do`, `stop` and `repair` may be called by one other thread; the rest belongs to the thread that sends.
    A message that arrives after its time is sent at once and counted in `n_late`.
    """

    def __init__(self, safety: NoteSafety, clock: TickSender) -> None:
        self.tracker, self.clock = NoteTracker(safety), clock
        self.n_late = self.n_lost_cycles = 0
        self._inbox: deque[tuple[int, int, bytes]] = deque()
        self._waiting: list[tuple[int, int, int, bytes]] = []
        self._order = count()
        self._actions: deque[Callable[[], None]] = deque()
        self._stop = self._lost = False

    def push(self, at: int, message: bytes) -> None:
        """Send `message` at sample `at`; at equal times note-offs precede note-ons, else the order of calls counts."""
        self._inbox.append((at, next(self._order), message))

    def do(self, action: Callable[[], None]) -> None:
        """Make the sending thread run `action` before it next collects what is due, to change the clock."""
        self._actions.append(action)

    def stop(self) -> None:
        """Drop the queue and end the sounding notes, as soon as possible."""
        self._stop = True

    def lost_cycle(self) -> None:
        """Note that the server missed a cycle, so that what was sent in it may not have arrived."""
        self.n_lost_cycles += 1
        self._lost = True

    def repair(self) -> None:
        """Repeat the last note-offs, in case they were lost."""
        self._lost = True

    @property
    def idle(self) -> bool:
        """Return whether nothing is queued and no note is sounding."""
        return not (self._inbox or self._actions or self._waiting or self._stop or self._lost or self.tracker.sounding)

    def next_at(self) -> int | None:
        """Return when the next queued message is due, None if there is none."""
        self._collect()
        times = [self._waiting[0][0]] if self._waiting else []
        tick = self.clock.next_at()
        return min([*times, *([] if tick is None else [tick])], default=None)

    def due(self, start: int, end: int) -> list[Timed]:
        """Return all messages from sample `start` on and before `end`, in order, late ones at `start`."""
        out: list[Timed] = []
        while self._actions:
            self._actions.popleft()()
        if self._stop:
            self._stop = False
            self._inbox.clear()
            self._waiting.clear()
            out += [(start, m) for m in (*self.clock.halt(), *self.tracker.release(start))]
        if self._lost:
            self._lost = False
            out += [(start, m) for m in self.tracker.repairs(start)]
        self._collect()
        ripe = [heapq.heappop(self._waiting) for _ in range(len(self._waiting)) if self._waiting[0][0] < end]
        self.n_late += sum(1 for at, *_ in ripe if at < start)
        ticks = [(at, -1, 0, message) for at, message in self.clock.due(end)]
        for at, _, _, message in heapq.merge(ticks, ripe):
            moment = max(at, start)
            out += [(moment, m) for m in self.tracker.take(moment, message)]
        ends = [(max(at, start), m) for at, m in self.tracker.expired(end - 1)]
        return sorted([*out, *ends], key=lambda timed: timed[0]) if ends else out

    def _collect(self) -> None:
        while self._inbox:
            at, order, message = self._inbox.popleft()
            heapq.heappush(self._waiting, (at, 1 if _strikes(message) else 0, order, message))


def _strikes(message: bytes) -> bool:
    return message[0] & 0xF0 == NOTE_ON and message[2] > 0


class FeedbackGuard:
    """Distinguish our own notes, returned through a loop, from the player's."""

    def __init__(self, safety: NoteSafety) -> None:
        self.safety = safety
        self._sent: deque[Timed] = deque()

    def sent(self, messages: Iterable[Timed]) -> None:
        """Record the messages that were sent."""
        for at, message in messages:
            self._forget(at)
            self._sent.append((at, message))

    def _forget(self, now: int) -> None:
        """Forget what can no longer come back."""
        while self._sent and self._sent[0][0] < now - self.safety.deaf:
            self._sent.popleft()

    def is_own(self, at: int, message: bytes) -> bool:
        """Return whether a message received at sample `at` is one of ours; each is recognised once."""
        self._forget(at)
        for i, (_, own) in enumerate(self._sent):
            if own[:2] == message[:2]:
                del self._sent[i]
                return True
        return False
