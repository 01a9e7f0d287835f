"""Music as a sequence of tokens: chorales note by note, melodies with holds, drums, and tunes with chords."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.core.config import require
from offline.music.piece import REST, Piece, from_grid, make_notes, to_grid

__all__ = ["ChoraleTokens", "DrumTokens", "MelodyTokens", "TuneTuples", "seat"]

CHANGE, HOLD = 0, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoraleTokens:
    """Tokens of BachBot: (pitch, tied) from soprano to bass, then the frame's end; a fermata comes before its frame.

    Tokens: 0 start, 1 end, 2 frame end, 3 fermata, then 2 * (pitch - low) + tied. A rest has no token, so decoding
    gives the notes of a frame to the voices that hold them, then from the top.
    """

    n_voices: int = 4
    low: int = 30
    high: int = 87

    START, END, FRAME, FERMATA, FIRST = 0, 1, 2, 3, 4

    @property
    def n_tokens(self) -> int:
        """Return the number of tokens: signs, and two for each pitch."""
        return self.FIRST + 2 * (self.high - self.low + 1)

    def encode(self, piece: Piece) -> np.ndarray:
        """Return tokens (token,) int64."""
        frames, attacks = to_grid(piece, self.n_voices)
        fermatas = set(piece.fermatas.tolist())
        tokens = [self.START]
        for t, (row, struck) in enumerate(zip(frames.tolist(), attacks.tolist(), strict=True)):
            if t in fermatas:
                tokens.append(self.FERMATA)
            for pitch, hit in zip(row, struck, strict=True):
                if pitch != REST:
                    tokens.append(self.FIRST + 2 * (pitch - self.low) + (not hit))
            tokens.append(self.FRAME)
        return np.array([*tokens, self.END], np.int64)

    def decode(self, tokens: np.ndarray) -> Piece:
        """Return the piece of tokens in any order."""
        rows: list[list[int]] = []
        struck, fermatas = [], []
        frame: list[tuple[int, bool]] = []
        last = [REST] * self.n_voices
        for token in tokens.tolist():
            if token == self.FERMATA:
                fermatas.append(len(rows))
            elif token == self.FRAME:
                last, hit = seat(frame, last, self.n_voices)
                rows.append(last)
                struck.append(hit)
                frame = []
            elif token >= self.FIRST:
                pitch, tied = divmod(token - self.FIRST, 2)
                frame.append((pitch + self.low, bool(tied)))
        grid = np.array(rows, np.int16).reshape(-1, self.n_voices)
        hits = np.array(struck, bool).reshape(-1, self.n_voices)
        return from_grid(grid, hits, fermatas=np.array(fermatas, np.int32))


def seat(frame: list[tuple[int, bool]], last: list[int], n_voices: int) -> tuple[list[int], list[bool]]:
    """Assign a frame's notes, from the highest down, to voices; missing notes are rests where they change least."""
    n = min(len(frame), n_voices)
    seats: list[int] = []
    for i, (pitch, tied) in enumerate(frame[:n]):
        first, final = (seats[-1] + 1 if seats else 0), n_voices - (n - i)
        held = [v for v in range(first, final + 1) if tied and last[v] == pitch]
        free = [v for v in range(first, final + 1) if last[v] != REST]
        seats.append((held or free or [first])[0])
    row, hit = [REST] * n_voices, [False] * n_voices
    for voice, (pitch, tied) in zip(seats, frame, strict=False):
        row[voice], hit[voice] = pitch, not tied
    return row, hit


@dataclass(frozen=True, slots=True, kw_only=True)
class MelodyTokens:
    """One voice, one token a step: 0 holds, 1 ends the note, 2 + k strikes pitch low + k (RL-Tuner's 38 classes)."""

    low: int = 48
    n_pitches: int = 36

    @property
    def n_tokens(self) -> int:
        """Return the number of tokens: two signs and the pitches."""
        return self.n_pitches + 2

    def encode(self, piece: Piece) -> np.ndarray:
        """Return tokens (step,) int64 of the highest voice; pitches out of range move by octaves."""
        frames, attacks = to_grid(piece, 1)
        line, struck = frames[:, 0], attacks[:, 0]
        stops = np.zeros(len(line), bool)
        stops[1:] = (line[1:] == REST) & (line[:-1] != REST)
        pitch = line.astype(np.int64) - self.low
        pitch = np.where(pitch < 0, pitch % 12, pitch)
        over = np.maximum(-(-(pitch - self.n_pitches + 1) // 12), 0)
        return np.where(struck, pitch - 12 * over + 2, np.where(stops, 1, 0)).astype(np.int64)

    def decode(self, tokens: np.ndarray) -> Piece:
        """Return the piece; an end without a note is ignored."""
        line, last = np.full(len(tokens), REST, np.int16), REST
        for t, token in enumerate(tokens.tolist()):
            last = {0: last, 1: REST}.get(token, token - 2 + self.low)
            line[t] = last
        return from_grid(line[:, None], (tokens > 1)[:, None])


@dataclass(frozen=True, slots=True, kw_only=True)
class DrumTokens:
    """One token a step: which of the drums are struck, as a number in binary (Rhythm).

    drums: General MIDI percussion keys; a piece's voice is the drum's place in the list.
    """

    drums: tuple[int, ...] = (36, 38, 42, 46, 45, 48, 49, 51)

    @property
    def n_tokens(self) -> int:
        """Return the number of combinations."""
        return 1 << len(self.drums)

    def encode(self, piece: Piece) -> np.ndarray:
        """Return tokens (step,) int64; other drums are left out."""
        tokens = np.zeros(piece.n_steps, np.int64)
        for note in piece.notes:
            if int(note["pitch"]) in self.drums:
                tokens[note["onset"]] |= 1 << self.drums.index(int(note["pitch"]))
        return tokens

    def decode(self, tokens: np.ndarray) -> Piece:
        """Return the piece; every stroke lasts a step."""
        rows = [
            (t, 1, key, bit)
            for t, token in enumerate(tokens.tolist())
            for bit, key in enumerate(self.drums)
            if token >> bit & 1
        ]
        return Piece(notes=make_notes(rows), n_steps=len(tokens))


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneTuples:
    """One row of tokens (pitch, duration, chord) for each note (CONCERT; VRASH without chords).

    pitch: 0 rest, 1 + k is low + k; duration: its place in `durations` (steps), the next shorter where there is none
    and a rest for what is left; chord: 0 none, 1 + root for major, 13 + root for minor. The chord voice is voice 1:
    a note whose pitch is the chord's token.
    """

    low: int = 48
    n_pitches: int = 40
    durations: tuple[int, ...] = tuple(range(1, 17))
    n_chords: int = 25

    def __post_init__(self) -> None:
        require("low", self.low, 0, 127)

    @property
    def n_tokens(self) -> tuple[int, int, int]:
        """Return the number of tokens of each column."""
        return self.n_pitches + 1, len(self.durations), self.n_chords

    def encode(self, piece: Piece) -> np.ndarray:
        """Return rows (note, 3) int64."""
        frames, attacks = to_grid(piece, 2)
        line, chords = frames[:, 0], frames[:, 1]
        starts = np.flatnonzero(attacks[:, 0] | np.diff(line, prepend=line[:1] + 1).astype(bool))
        ends = np.append(starts[1:], len(line))
        rows = []
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            pitch, at = int(line[start]), start
            while at < end:
                index = max(i for i, d in enumerate(self.durations) if d <= end - at)
                token = 0 if pitch == REST else 1 + int(np.clip(pitch - self.low, 0, self.n_pitches - 1))
                rows.append((token, index, max(int(chords[at]), 0)))
                at, pitch = at + self.durations[index], REST
        return np.array(rows, np.int64).reshape(-1, 3)

    def decode(self, rows: np.ndarray) -> Piece:
        """Return the piece; the chord voice changes with the notes."""
        line: list[int] = []
        struck: list[bool] = []
        chords: list[int] = []
        for pitch, index, chord in rows.tolist():
            length = self.durations[index]
            line += [REST if pitch == 0 else pitch - 1 + self.low] * length
            struck += [pitch != 0] + [False] * (length - 1)
            chords += [chord or REST] * length
        grid = np.array([line, chords], np.int16).T
        hits = np.array([struck, [False] * len(struck)], bool).T
        return from_grid(grid.reshape(-1, 2), hits.reshape(-1, 2))
