"""Music to train alignment on: sketches of harmony and melody, set for the piano by `textures`.

Two sources. Composed here: progressions of functional harmony with melodies, in phrases that come back. Bach's
chorales, as packed by `offline.music.music21_corpus` (the music is in the public domain). Other composers of that
corpus are left out: their files do not say that any use is allowed.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.core.errors import ConfigError
from engine.score.score import Score, make_score
from offline.music.piece import Piece, to_grid
from offline.music.piece_sets import load_pieces
from offline.synthesis.textures import Chord, Sketch, arrange

__all__ = ["Library", "compose_score", "compose_sketch", "split_of"]

Rng = np.random.Generator

SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 11)}
# degree: the degrees that may follow, from 0; repeated ones are likelier
FOLLOWING = {
    0: (3, 4, 5, 1, 3, 4, 2),
    1: (4, 4, 6, 3),
    2: (5, 3, 1),
    3: (4, 0, 1, 4, 6),
    4: (0, 0, 5, 3),
    5: (3, 1, 4, 2),
    6: (0, 4, 0),
}
RHYTHMS = (
    (1.0,), (0.5, 0.5), (0.75, 0.25), (0.25, 0.25, 0.5), (0.5, 0.25, 0.25), (0.25,) * 4, (1 / 3,) * 3, (2.0,),
    (1.5, 0.5), (0.125,) * 8, (2 / 3, 1 / 3),
)  # fmt: skip
CHORALE = "chorale"
MOST_ONSETS_A_S = 14.0


def split_of(name: str) -> str:
    """Return the split of a piece, fixed by its name: eight in ten train, one validation, one test."""
    return {0: "validation", 1: "test"}.get(zlib.crc32(name.encode()) % 10, "train")


@dataclass(frozen=True, slots=True)
class Library:
    """All pieces by name: `composed-N` for any N, and `chorale-N` for each of the chorales."""

    chorales: Sequence[Piece] = ()

    @classmethod
    def open(cls, chorales: Path | None) -> Library:
        """Open with the chorales of a packed file, or without."""
        return cls() if chorales is None else cls(load_pieces(chorales))

    def names(self, split: str, n: int) -> list[str]:
        """Return the first n pieces of a split; a third are chorales, as long as there are any."""
        wanted = [i for i in range(len(self.chorales)) if split_of(f"{CHORALE}-{i}") == split][: n // 3]
        names = [f"{CHORALE}-{i}" for i in wanted]
        number = 0
        while len(names) < n:
            names += [f"composed-{number}"] if split_of(f"composed-{number}") == split else []
            number += 1
        return names

    def score(self, name: str) -> Score:
        """Return the piece, always the same for the same name."""
        kind, _, number = name.partition("-")
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        if kind == "composed" and number.isdigit():
            return compose_score(name, rng)
        if kind == CHORALE and number.isdigit() and int(number) < len(self.chorales):
            return _score(name, chorale_sketch(self.chorales[int(number)], rng), rng)
        raise ConfigError("piece", expected="composed-N or chorale-N", got=repr(name), remedy="pack the chorales first")


def compose_score(name: str, rng: Rng) -> Score:
    """Compose a piece of one to three minutes."""
    return _score(name, compose_sketch(rng), rng)


def compose_sketch(rng: Rng) -> Sketch:
    """Compose phrases of four or eight bars, some of which come back."""
    beats = int(rng.choice([2, 3, 4, 4, 4]))
    phrases = [_phrase(rng, beats, _key(rng)) for _ in range(int(rng.integers(2, 4)))]
    order = [0, *rng.integers(0, len(phrases), int(rng.integers(3, 6)))]
    sketch = Sketch(beats=beats, chords=[], melody=[])
    for i in order:
        sketch = sketch.then(phrases[int(i)])
    return sketch


def _score(name: str, sketch: Sketch, rng: Rng) -> Score:
    rows = arrange(sketch, rng)
    bars = [(float(q), i + 1) for i, q in enumerate(np.arange(0, sketch.end, sketch.beats))]
    onsets = len({round(row[0], 3) for row in rows}) / sketch.end  # per quarter
    bpm = min(50 * 3.2 ** rng.random(), 60 * MOST_ONSETS_A_S / onsets)
    return make_score(name, rows, bars=bars, tempi=[(0.0, float(bpm))])


def _key(rng: Rng) -> tuple[int, tuple[int, ...]]:
    return int(rng.integers(-6, 6)), SCALES[str(rng.choice(list(SCALES)))]


def _phrase(rng: Rng, beats: int, key: tuple[int, tuple[int, ...]]) -> Sketch:
    n_bars = int(rng.choice([4, 4, 8]))
    each = float(rng.choice([beats, beats, beats / 2, 1.0]))
    degree, chords, quarter = 0, [], 0.0
    while quarter < n_bars * beats - 1e-9:
        closing = quarter + each >= n_bars * beats - 1e-9
        degree = 0 if closing else int(rng.choice(FOLLOWING[degree]))
        chords.append(Chord(quarter, each, _tones(rng, degree, key)))
        quarter += each
    return Sketch(beats=beats, chords=chords, melody=_melody(rng, chords, key))


def _tones(rng: Rng, degree: int, key: tuple[int, tuple[int, ...]]) -> tuple[int, ...]:
    """Return a triad or seventh, bass in the octave below middle C, sometimes inverted or chromatically raised."""
    tonic, scale = key
    n_tones = 4 if rng.random() < (0.5 if degree in (4, 6, 1) else 0.15) else 3
    steps = [degree + 2 * i for i in range(n_tones)]
    tones = [48 + tonic + scale[s % 7] + 12 * (s // 7) for s in steps]
    if rng.random() < 0.08:  # a dominant of what follows, or a diminished chord
        tones[1] = tones[0] + int(rng.choice([3, 4]))
    turn = int(rng.choice([0, 0, 0, 1, 2]))
    return tuple(sorted(tones[turn:] + [t + 12 for t in tones[:turn]]))


def _melody(rng: Rng, chords: list[Chord], key: tuple[int, tuple[int, ...]]) -> list[tuple[float, float, int]]:
    """Return a line that steps through the scale and lands on chord tones; its rhythm is a motif of few cells."""
    tonic, scale = key
    ladder = [12 * octave + tonic + s for octave in range(4, 9) for s in scale]
    cells = [RHYTHMS[int(i)] for i in rng.integers(0, len(RHYTHMS), 3)]
    at, notes, quarter = int(rng.integers(10, 18)), [], 0.0
    end = chords[-1].quarter + chords[-1].duration
    while quarter < end - 1e-9:
        cell = cells[int(rng.integers(len(cells)))]
        for i, duration in enumerate(cell):
            if quarter >= end - 1e-9:
                break
            at = int(np.clip(at + rng.choice([-2, -1, -1, 0, 1, 1, 2, 3, -3]), 7, len(ladder) - 6))
            sounding = next(c for c in reversed(chords) if c.quarter <= quarter + 1e-9)
            pitch = _landed(ladder[at], sounding) if i == 0 else ladder[at]
            notes.append((quarter, min(duration, end - quarter), pitch))
            quarter += duration
    return [note for note in notes if rng.random() > 0.04]


def _landed(pitch: int, chord: Chord) -> int:
    """Return the tone of the chord, in any octave, nearest to a pitch."""
    return min((p for p in range(pitch - 6, pitch + 7) if (p % 12) in {t % 12 for t in chord.tones}), default=pitch,
               key=lambda p: abs(p - pitch))  # fmt: skip


def chorale_sketch(piece: Piece, rng: Rng) -> Sketch:
    """Return a chorale's harmony at each quarter and its soprano, transposed by up to a fourth."""
    frames, _ = to_grid(piece, 4)
    step = piece.steps_per_quarter
    shift = int(rng.integers(-5, 6))
    chords = []
    for start in range(0, piece.n_steps - step + 1, step):
        tones = sorted({int(p) + shift for p in frames[start] if p > 0})
        if tones:
            chords.append(Chord(start / step, 1.0, tuple(tones)))
    soprano = piece.notes[piece.notes["voice"] == 0]
    melody = [(n["onset"] / step, n["duration"] / step, int(n["pitch"]) + shift) for n in soprano]
    return Sketch(beats=piece.beats_per_bar, chords=chords, melody=melody)
