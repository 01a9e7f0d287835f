"""Music as it comes: stretches of steps with the notes that begin and end in them, for files and live alike.

Every system is a `Source`. What works step by step gives stretches of a step; what works by blocks gives bars, and
`Ahead` lets a worker write the next one while this one plays.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from engine.core.errors import EngineError
from offline.music.piece import NOTE, REST, Piece, to_grid

__all__ = [
    "CHOOSE",
    "Ahead",
    "Change",
    "FrameSource",
    "Frames",
    "Melody",
    "Segment",
    "Source",
    "changes_of",
    "collect",
    "free",
    "of_bits",
]

CHOOSE = -2  # where a source may choose the pitch itself
Change = tuple[int, int, int, int]  # step, voice, pitch, velocity (0 ends the note)
Melody = Callable[[int, int], np.ndarray]  # first step, number of steps -> pitches, -1 a rest, -2 free
VELOCITY = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """n_steps: how long it is; changes: (step within it, voice, pitch, velocity), velocity 0 ends a note.

    An end may lie behind the segment's own end: notes last over bars.
    """

    n_steps: int
    changes: tuple[Change, ...]


class Source(Protocol):
    """Writes music, segment by segment. names: of its voices; steps: of a segment whose melody it wants to know.

    accompanies: whether it heeds a melody; percussion: whether pitches are drums.
    """

    names: tuple[str, ...]
    steps: int
    steps_per_quarter: int
    accompanies: bool
    percussion: bool

    def next(self, given: np.ndarray) -> Segment:
        """The next segment; given: the melody over its steps, (steps,) pitches, -1 a rest, -2 free."""
        ...


class FrameSource(Protocol):
    """Writes a frame (voice,) of pitches at a call; given: -2 where it may choose, -1 a rest, else a pitch."""

    n_voices: int

    def step(self, given: np.ndarray | None = None) -> np.ndarray:
        """The next frame."""
        ...


class Frames:
    """A source of frames as a source of segments: a note is held while its voice's pitch stays."""

    steps, steps_per_quarter, accompanies, percussion = 1, 4, True, False

    def __init__(self, frames: FrameSource, names: tuple[str, ...] = ("Soprano", "Alto", "Tenor", "Bass")) -> None:
        self.frames, self.names = frames, names[: frames.n_voices]
        self._last = np.full(frames.n_voices, REST)

    def next(self, given: np.ndarray) -> Segment:
        """One step."""
        fixed = None
        if given[0] != CHOOSE:
            fixed = np.full(self.frames.n_voices, CHOOSE)
            fixed[0] = given[0]
        frame = self.frames.step(fixed)
        changes = _moves(self._last, frame)
        self._last = frame.copy()
        return Segment(n_steps=1, changes=changes)

    def settle(self, given: np.ndarray) -> None:
        """Let the frames find the key of what will be given, (frame, voice), where they care."""
        if (find := getattr(self.frames, "settle", None)) is not None:
            find(given)

    def prime(self, piece: Piece) -> None:
        """Take a piece as what was written before the first frame."""
        self.settle(to_grid(piece, self.frames.n_voices)[0])
        for row in to_grid(piece, self.frames.n_voices)[0]:
            self._last = self.frames.step(row.astype(np.int64)).copy()
        self._last[:] = REST  # what it ended with is not sounding


def _moves(last: np.ndarray, frame: np.ndarray) -> tuple[Change, ...]:
    out: list[Change] = []
    for voice in np.flatnonzero(frame != last).tolist():
        if last[voice] != REST:
            out.append((0, voice, int(last[voice]), 0))
        if frame[voice] != REST:
            out.append((0, voice, int(frame[voice]), VELOCITY))
    return tuple(out)


def changes_of(notes: np.ndarray) -> tuple[Change, ...]:
    """NOTE records as changes, ends before beginnings at one step."""
    out: list[Change] = []
    for note in notes:
        onset, voice, pitch = int(note["onset"]), int(note["voice"]), int(note["pitch"])
        out.append((onset, voice, pitch, int(note["velocity"])))
        out.append((onset + int(note["duration"]), voice, pitch, 0))
    return tuple(sorted(out, key=lambda change: (change[0], change[3] > 0)))


def free(start: int, n: int) -> np.ndarray:
    """A melody that leaves everything to the source."""
    return np.full(n, CHOOSE)


def collect(source: Source, n_steps: int, melody: Melody = free, *, tempo_bpm: float = 100.0) -> Piece:
    """A piece of so many steps; what still sounds at the end is ended there."""
    at, rows = 0, []
    sounding: dict[tuple[int, int], tuple[int, int]] = {}
    changes: list[Change] = []
    while at < n_steps:
        segment = source.next(melody(at, source.steps))
        changes += [(at + step, voice, pitch, velocity) for step, voice, pitch, velocity in segment.changes]
        at += max(segment.n_steps, 1)
    for step, voice, pitch, velocity in sorted(changes, key=lambda change: (change[0], change[3] > 0)):
        begun = sounding.pop((voice, pitch), None)
        if begun is not None and begun[0] < min(step, n_steps):
            rows.append((begun[0], min(step, n_steps) - begun[0], pitch, voice, begun[1]))
        if velocity and step < n_steps:
            sounding[voice, pitch] = (step, velocity)
    rows += [(step, n_steps - step, pitch, voice, velocity) for (voice, pitch), (step, velocity) in sounding.items()]
    notes = np.sort(np.array(rows, NOTE), order=["onset", "voice", "pitch"])
    spq = source.steps_per_quarter
    return Piece(notes=notes, n_steps=n_steps, steps_per_quarter=spq, tempo_bpm=tempo_bpm, names=source.names)


class Ahead:
    """A slow source with a worker that writes the next segment while this one plays.

    The melody that a segment is written for is what was known when its writing began: that much is committed. A
    segment that is not there in time is waited for; `n_waits` counts that.
    """

    def __init__(self, source: Source) -> None:
        self.source, self.n_waits = source, 0
        self.names, self.steps, self.steps_per_quarter = source.names, source.steps, source.steps_per_quarter
        self.accompanies, self.percussion = source.accompanies, source.percussion
        self._made: list[Segment] = []
        self._error: EngineError | None = None
        self._asked, self._ready = threading.Semaphore(0), threading.Semaphore(0)
        self._given = np.full(source.steps, CHOOSE)
        self._closing = False
        self._thread = threading.Thread(target=self._run, daemon=True, name="writes ahead")
        self._thread.start()
        self._asked.release()

    def next(self, given: np.ndarray) -> Segment:
        """The segment that was begun a segment ago; begins the one after it, for what is known of the melody now."""
        if not self._ready.acquire(blocking=False):
            self.n_waits += 1
            self._ready.acquire()
        if self._error is not None:
            raise self._error
        segment, self._given = self._made.pop(), given
        self._asked.release()
        return segment

    def wait(self) -> None:
        """Until the first segment is written: before that no clock should start."""
        self._ready.acquire()
        self._ready.release()

    def close(self) -> None:
        """End the worker."""
        self._closing = True
        self._asked.release()
        self._thread.join(5.0)

    def _run(self) -> None:
        while self._asked.acquire() and not self._closing:
            try:
                self._made.append(self.source.next(self._given))
            except EngineError as error:
                self._error = error
            self._ready.release()


def of_bits(
    last: np.ndarray, bits: np.ndarray, low: int, *, voice: int = 0, again: np.ndarray | None = None
) -> tuple[Change, ...]:
    """Changes between two rows of bits, one a pitch from `low` up; again: those that are struck though they sound."""
    struck = np.zeros(len(bits), bool) if again is None else again
    ends = [(0, voice, low + i, 0) for i in np.flatnonzero(last & (~bits | struck)).tolist()]
    return (*ends, *((0, voice, low + i, VELOCITY) for i in np.flatnonzero(bits & (~last | struck)).tolist()))
