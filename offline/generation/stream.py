"""Streams of music: segments of steps with the notes that begin and end in them, for files and live alike.

Every system is a `Generator`. One that works step by step writes segments of a step; one that works by blocks writes
bars, and `Prefetch` lets a thread write the next while this one plays.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from engine.core.errors import EngineError
from offline.music.piece import NOTE, REST, Piece, to_grid

__all__ = [
    "FREE",
    "Change",
    "FrameGenerator",
    "Generator",
    "Melody",
    "Prefetch",
    "Segment",
    "bit_changes",
    "changes_of",
    "collect",
    "free_melody",
]

FREE = -2  # in place of a pitch: the generator chooses
Change = tuple[int, int, int, int]  # step, voice, pitch, velocity (0 ends the note)
Melody = Callable[[int, int], np.ndarray]  # first step, number of steps -> pitches, -1 a rest, -2 free
VELOCITY = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A stretch of music.

    n_steps: its length
    changes: (step within it, voice, pitch, velocity); velocity 0 ends a note, which may lie after the segment's end
    """

    n_steps: int
    changes: tuple[Change, ...]


class Generator(Protocol):
    """Writes music segment by segment; which ones take a melody or a beginning stands in the record of systems.

    names: names of its voices
    steps: length of the melody that it takes with each segment
    percussion: whether its pitches are drums
    metre: beats of a bar and their unit, of what it has written so far
    """

    names: tuple[str, ...]
    steps: int
    steps_per_quarter: int
    percussion: bool
    metre: tuple[int, int]

    def next(self, given: np.ndarray) -> Segment:
        """Write the next segment; given: (steps,) pitches of the melody, -1 a rest, -2 free."""
        ...


class FrameGenerator(ABC):
    """A generator that writes frames; a note is held while the pitch of its voice stays."""

    steps, steps_per_quarter, percussion = 1, 4, False
    metre = (4, 4)
    names: tuple[str, ...] = ("Soprano", "Alto", "Tenor", "Bass")

    def __init__(self, n_voices: int) -> None:
        self.n_voices, self.names = n_voices, self.names[:n_voices]
        self._sounding = np.full(n_voices, REST)

    @abstractmethod
    def step(self, given: np.ndarray | None = None) -> np.ndarray:
        """Write the next frame (voice,) of pitches; given: pitches that are fixed, -1 a rest, -2 free."""

    def find_key(self, given: np.ndarray) -> None:  # noqa: B027 - only a network of one key needs it
        """Choose the key by what will be given, (frame, voice), before the first step."""

    def next(self, given: np.ndarray) -> Segment:
        """Write one step."""
        fixed = None
        if given[0] != FREE:
            fixed = np.full(self.n_voices, FREE)
            fixed[0] = given[0]
        frame = self.step(fixed)
        changes = _moves(self._sounding, frame)
        self._sounding = frame.copy()
        return Segment(n_steps=1, changes=changes)

    def prime(self, piece: Piece) -> None:
        """Take a piece as what was written before the first frame."""
        frames = to_grid(piece, self.n_voices)[0]
        self.find_key(frames)
        for row in frames:
            self.step(row.astype(np.int64))
        self._sounding[:] = REST  # the last notes of the piece do not sound


def _moves(last: np.ndarray, frame: np.ndarray) -> tuple[Change, ...]:
    out: list[Change] = []
    for voice in np.flatnonzero(frame != last).tolist():
        if last[voice] != REST:
            out.append((0, voice, int(last[voice]), 0))
        if frame[voice] != REST:
            out.append((0, voice, int(frame[voice]), VELOCITY))
    return tuple(out)


def changes_of(notes: np.ndarray) -> tuple[Change, ...]:
    """Return NOTE records as changes, ends before beginnings at one step."""
    out: list[Change] = []
    for note in notes:
        onset, voice, pitch = int(note["onset"]), int(note["voice"]), int(note["pitch"])
        out.append((onset, voice, pitch, int(note["velocity"])))
        out.append((onset + int(note["duration"]), voice, pitch, 0))
    return tuple(sorted(out, key=lambda change: (change[0], change[3] > 0)))


def free_melody(start: int, n: int) -> np.ndarray:
    """Leave every pitch to the generator."""
    return np.full(n, FREE)


def collect(
    generator: Generator,
    n_steps: int,
    melody: Melody = free_melody,
    *,
    tempo_bpm: float = 100.0,
    stop: Callable[[], bool] = lambda: False,
) -> Piece:
    """Write a piece of `n_steps` steps, or what there is of it at a stop; notes that still sound end there."""
    at, rows = 0, []
    sounding: dict[tuple[int, int], tuple[int, int]] = {}
    changes: list[Change] = []
    while at < n_steps and not stop():
        segment = generator.next(melody(at, generator.steps))
        changes += [(at + step, voice, pitch, velocity) for step, voice, pitch, velocity in segment.changes]
        at += max(segment.n_steps, 1)
    n_steps = min(n_steps, at)
    for step, voice, pitch, velocity in sorted(changes, key=lambda change: (change[0], change[3] > 0)):
        begun = sounding.pop((voice, pitch), None)
        if begun is not None and begun[0] < min(step, n_steps):
            rows.append((begun[0], min(step, n_steps) - begun[0], pitch, voice, begun[1]))
        if velocity and step < n_steps:
            sounding[voice, pitch] = (step, velocity)
    rows += [(step, n_steps - step, pitch, voice, velocity) for (voice, pitch), (step, velocity) in sounding.items()]
    notes = np.sort(np.array(rows, NOTE), order=["onset", "voice", "pitch"])
    beats, unit = generator.metre
    return Piece(
        notes=notes,
        n_steps=n_steps,
        steps_per_quarter=generator.steps_per_quarter,
        beats_per_bar=beats,
        beat_unit=unit,
        tempo_bpm=tempo_bpm,
        names=generator.names,
    )


class Prefetch:
    """A slow generator whose next segment is written by a thread while this one plays.

    A segment is written for the melody known when its writing began. A segment that is not ready in time is waited
    for; `n_waits` counts these.
    """

    def __init__(self, generator: Generator) -> None:
        self.generator, self.n_waits = generator, 0
        self.names, self.steps, self.percussion = generator.names, generator.steps, generator.percussion
        self.steps_per_quarter, self.metre = generator.steps_per_quarter, generator.metre
        self._made: list[Segment] = []
        self._error: EngineError | None = None
        self._asked, self._ready = threading.Semaphore(0), threading.Semaphore(0)
        self._given = np.full(generator.steps, FREE)
        self._closing = False
        self._thread = threading.Thread(target=self._run, daemon=True, name="prefetch")
        self._thread.start()
        self._asked.release()

    def next(self, given: np.ndarray) -> Segment:
        """Return the segment begun a segment ago, and begin the one after it with the melody known now."""
        if not self._ready.acquire(blocking=False):
            self.n_waits += 1
            self._ready.acquire()
        if self._error is not None:
            raise self._error
        segment, self._given = self._made.pop(), given
        self._asked.release()
        return segment

    def wait(self) -> None:
        """Wait until the first segment is written: before that no clock should start."""
        self._ready.acquire()
        self._ready.release()

    def close(self) -> None:
        """End the thread."""
        self._closing = True
        self._asked.release()
        self._thread.join(5.0)

    def _run(self) -> None:
        while self._asked.acquire() and not self._closing:
            try:
                self._made.append(self.generator.next(self._given))
            except EngineError as error:
                self._error = error
            self._ready.release()


def bit_changes(
    last: np.ndarray, bits: np.ndarray, low: int, *, voice: int = 0, restruck: np.ndarray | None = None
) -> tuple[Change, ...]:
    """Return the changes between two rows of bits, one a pitch from `low` up; restruck: notes that sound already."""
    struck = np.zeros(len(bits), bool) if restruck is None else restruck
    ends = [(0, voice, low + i, 0) for i in np.flatnonzero(last & (~bits | struck)).tolist()]
    return (*ends, *((0, voice, low + i, VELOCITY) for i in np.flatnonzero(bits & (~last | struck)).tolist()))
