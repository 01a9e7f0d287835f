"""Grids: four voices with or without a hold token, piano rolls, and a bar as an image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.core.config import require
from offline.music.piece import REST, Piece, from_grid, make_notes, to_grid

__all__ = ["BarImage", "HoldGrid", "Roll", "VoiceGrid"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceGrid:
    """One pitch token for each voice and frame, 0 is a rest; repeated notes become one.

    low, high: MIDI pitches that have a token.
    """

    n_voices: int = 4
    low: int = 30
    high: int = 87

    def __post_init__(self) -> None:
        require("low", self.low, 0, self.high)
        require("high", self.high, self.low, 127)

    @property
    def n_tokens(self) -> int:
        """Return the number of tokens: a rest and the pitches."""
        return self.high - self.low + 2

    def tokens(self, frames: np.ndarray) -> np.ndarray:
        """Return tokens, int64, of pitches, -1 a rest; a pitch out of range moves by octaves."""
        pitch = frames.astype(np.int64)
        below = np.maximum(self.low - pitch, 0)
        above = np.maximum(pitch - self.high, 0)
        moved = pitch + 12 * -(-below // 12) - 12 * -(-above // 12)
        return np.where(pitch == REST, 0, moved - self.low + 1)

    def pitches(self, tokens: np.ndarray) -> np.ndarray:
        """Return pitches, -1 a rest, int16, of tokens."""
        return np.where(tokens == 0, REST, tokens + self.low - 1).astype(np.int16)

    def encode(self, piece: Piece) -> np.ndarray:
        """Return tokens (frame, voice) int64."""
        return self.tokens(to_grid(piece, self.n_voices)[0])

    def decode(self, tokens: np.ndarray) -> Piece:
        """Return the piece of tokens (frame, voice)."""
        return from_grid(self.pitches(tokens))


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldGrid(VoiceGrid):
    """Like VoiceGrid, with a token that holds the note, so that repeated notes stay apart (DeepBach)."""

    @property
    def n_tokens(self) -> int:
        """Return the number of tokens: a rest, the pitches and hold."""
        return self.high - self.low + 3

    @property
    def hold(self) -> int:
        """Return the token that holds the note before."""
        return self.high - self.low + 2

    def encode(self, piece: Piece) -> np.ndarray:
        """Return tokens (frame, voice) int64."""
        frames, attacks = to_grid(piece, self.n_voices)
        return np.where((frames != REST) & ~attacks, self.hold, self.tokens(frames))

    def decode(self, tokens: np.ndarray) -> Piece:
        """Return the piece; a hold after a rest is a rest."""
        frames = np.full(tokens.shape, REST, np.int16)
        last = np.full(tokens.shape[1], REST, np.int16)
        for t, row in enumerate(tokens):
            last = np.where(row == self.hold, last, self.pitches(row)).astype(np.int16)
            frames[t] = last
        return from_grid(frames, tokens != self.hold)


@dataclass(frozen=True, slots=True, kw_only=True)
class Roll:
    """A piano roll (frame, pitch, 2) of (sounds, is struck), float32 0 or 1; without `articulate` only the first."""

    low: int = 21
    high: int = 108
    articulate: bool = True

    @property
    def width(self) -> int:
        """Return the number of pitches."""
        return self.high - self.low + 1

    def encode(self, piece: Piece) -> np.ndarray:
        """Return the roll (frame, pitch, 2), or (frame, pitch) without articulation."""
        roll = np.zeros((piece.n_steps, self.width, 2), np.float32)
        for note in piece.notes:
            row = int(note["pitch"]) - self.low
            if 0 <= row < self.width:
                onset = int(note["onset"])
                roll[onset : onset + note["duration"], row, 0] = 1
                roll[onset, row, 1] = 1
        return roll if self.articulate else roll[..., 0]

    def decode(self, roll: np.ndarray) -> Piece:
        """Return the piece, all in voice 0; without articulation equal neighbours are one note."""
        sounds = (roll[..., 0] if self.articulate else roll) > 0.5
        struck = (roll[..., 1] > 0.5) if self.articulate else np.zeros_like(sounds)
        rows = []
        for column in np.flatnonzero(sounds.any(axis=0)):
            grid = np.where(sounds[:, column : column + 1], column + self.low, REST).astype(np.int16)
            line = from_grid(grid, struck[:, column : column + 1]).notes
            rows += [(int(n["onset"]), int(n["duration"]), int(n["pitch"]), 0) for n in line]
        return Piece(notes=make_notes(rows), n_steps=len(sounds))


@dataclass(frozen=True, slots=True, kw_only=True)
class BarImage:
    """A melody bar by bar: (bar, 128, 16) float32, one pitch at most a step; notes always last (MidiNet).

    MidiNet's melodies have no rests: a gap is filled by the note before. A repeated pitch is held.
    """

    steps: int = 16

    def encode(self, piece: Piece) -> np.ndarray:
        """Return bars (bar, pitch, step); the last bar is filled with its last note."""
        line = to_grid(piece, 1)[0][:, 0]
        n_bars = -(-len(line) // self.steps)
        line = np.concatenate([line, np.full(n_bars * self.steps - len(line), REST, line.dtype)])
        pitched = np.flatnonzero(line != REST)
        image = np.zeros((n_bars, 128, self.steps), np.float32)
        if len(pitched):
            source = pitched[np.maximum(np.searchsorted(pitched, np.arange(len(line)), side="right") - 1, 0)]
            image[np.arange(len(line)) // self.steps, line[source], np.arange(len(line)) % self.steps] = 1
        return image

    def decode(self, image: np.ndarray) -> Piece:
        """Return the largest pitch of every column; silence where a column is empty."""
        columns = np.swapaxes(image, 1, 2).reshape(-1, 128)
        pitch = np.where(columns.max(axis=1) > 0, columns.argmax(axis=1), REST)
        return from_grid(pitch[:, None].astype(np.int16))
