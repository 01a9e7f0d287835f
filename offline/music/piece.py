"""A piece of music between all representations: notes on a grid of steps, by voice."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from engine.core.config import require

__all__ = ["NOTE", "Piece", "attacks_of", "from_grid", "make_notes", "phrase_ends", "to_grid", "transpose"]

NOTE = np.dtype([("onset", "i4"), ("duration", "i4"), ("pitch", "i2"), ("voice", "i2"), ("velocity", "i2")])
VELOCITY = 80
REST = -1


def _no_fermatas() -> np.ndarray:
    return np.zeros(0, np.int32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A piece of music.

    notes: NOTE records in order of onset, voice, pitch
    n_steps: length, in steps
    steps_per_quarter: 4 is the sixteenth grid
    beats_per_bar, beat_unit: time signature
    pickup: steps before the first full bar
    tempo_bpm: quarters a minute
    fermatas: steps with a fermata
    names: names of the voices
    """

    notes: np.ndarray
    n_steps: int
    steps_per_quarter: int = 4
    beats_per_bar: int = 4
    beat_unit: int = 4
    pickup: int = 0
    tempo_bpm: float = 100.0
    fermatas: np.ndarray = field(default_factory=_no_fermatas)
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require("n_steps", self.n_steps, 0, 1 << 24)
        require("steps_per_quarter", self.steps_per_quarter, 1, 960)
        require("tempo_bpm", self.tempo_bpm, 10, 1000)

    @property
    def steps_per_bar(self) -> int:
        """Return the steps of a full bar."""
        return self.steps_per_quarter * 4 * self.beats_per_bar // self.beat_unit

    @property
    def n_voices(self) -> int:
        """Return the number of the highest voice with a note, plus one."""
        return int(self.notes["voice"].max()) + 1 if len(self.notes) else 0

    def phase(self) -> np.ndarray:
        """Return the position of each step in its bar, (step,) from 0."""
        return (np.arange(self.n_steps) - self.pickup) % self.steps_per_bar


def make_notes(rows: list[tuple[int, int, int, int]] | np.ndarray, velocity: int = VELOCITY) -> np.ndarray:
    """Return NOTE records from rows of (onset, duration, pitch, voice), sorted."""
    notes = np.zeros(len(rows), NOTE)
    if len(rows):
        columns = np.asarray(rows)
        for i, name in enumerate(("onset", "duration", "pitch", "voice")):
            notes[name] = columns[:, i]
        notes["velocity"] = velocity
    return np.sort(notes, order=["onset", "voice", "pitch"])


def attacks_of(frames: np.ndarray) -> np.ndarray:
    """Return where the pitch of a voice changes, (frame, voice) bool: the attacks that a grid without ties holds."""
    before = np.vstack([np.full((1, frames.shape[1]), REST, frames.dtype), frames[:-1]])
    out: np.ndarray = (frames != before) & (frames != REST)
    return out


def from_grid(frames: np.ndarray, attacks: np.ndarray | None = None, **more: object) -> Piece:
    """Return a piece from a grid (frame, voice) of pitches, -1 a rest; without attacks equal pitches are one note."""
    struck = attacks_of(frames) if attacks is None else (attacks | attacks_of(frames)) & (frames != REST)
    rows = []
    for voice in range(frames.shape[1]):
        line = frames[:, voice]
        ends = np.flatnonzero(struck[:, voice] | (line == REST))
        for start in np.flatnonzero(struck[:, voice]):
            after = ends[ends > start]
            end = int(after[0]) if len(after) else len(line)
            rows.append((int(start), end - int(start), int(line[start]), voice))
    return Piece(notes=make_notes(rows), n_steps=len(frames), **more)  # type: ignore[arg-type]


def to_grid(piece: Piece, n_voices: int) -> tuple[np.ndarray, np.ndarray]:
    """Return frames (step, voice) of pitches, -1 a rest, and attacks; a later note cuts an earlier one of its voice."""
    frames = np.full((piece.n_steps, n_voices), REST, np.int16)
    attacks = np.zeros((piece.n_steps, n_voices), bool)
    for note in piece.notes:
        onset, voice = int(note["onset"]), int(note["voice"])
        if voice < n_voices and onset < piece.n_steps:
            frames[onset : onset + note["duration"], voice] = note["pitch"]
            attacks[onset : onset + note["duration"], voice] = False
            attacks[onset, voice] = True
    return frames, attacks


def phrase_ends(steps: np.ndarray) -> np.ndarray:
    """Return which sixteenths of four quarters carry fermatas in chorales: the third beat of every other bar."""
    out: np.ndarray = ((steps % 32) // 4 == 6).astype(np.int64)
    return out


def transpose(piece: Piece, semitones: int) -> Piece:
    """Return the piece transposed up by semitones."""
    notes = piece.notes.copy()
    notes["pitch"] += semitones
    return replace(piece, notes=notes)
