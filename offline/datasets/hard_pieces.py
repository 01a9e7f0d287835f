"""Pieces in parts to make hard takes of: for two hands, for a soloist and accompaniment, in four voices, tunes.

Composed here, Bach's chorales, and tunes of Ryan's and O'Neill's collections, as packed by `data music21` (the music
is in the public domain). A piece of the tuning half never occurs in the judging half: the tuning half takes the
pieces of the split `validation` of `split_of`, the judging half those of `test`; no network has learned from either.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from engine.core.errors import ConfigError
from offline.datasets.corpus_scores import compose_sketch, split_of
from offline.music.codecs.abc import AbcTokens
from offline.music.musicxml_file import DIVISIONS
from offline.music.piece import Piece
from offline.music.piece_sets import load_pieces
from offline.synthesis.textures import LEFT, arrange_hands

__all__ = ["HARD_HALVES", "MELODY", "HardPiece", "PieceShelf", "repeat_bars"]

Rng = np.random.Generator
Row = tuple[float, float, int, int]  # onset and duration in quarters, MIDI pitch, velocity
Parts = dict[str, list[Row]]

HARD_HALVES = {"tuning": "validation", "judging": "test"}
# No part is named Solo: of such a score that part alone is followed.
RIGHT_HAND, LEFT_HAND, MELODY, ACCOMPANIMENT = "Right hand", "Left hand", "Melody", "Accompaniment"
VOICES = ("Soprano", "Alto", "Tenor", "Bass")
UNDER = ("block", "alberti", "arpeggio", "stride", "after beats", "repeated", "wave")  # a soloist
VELOCITY = 72
MOST_ONSETS_A_S = 9.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HardPiece:
    """A piece in parts.

    parts: rows (onset, duration, pitch, velocity) by the part's name, onsets in quarters from the first bar
    beats: quarters a bar
    n_bars: bars
    bpm: quarters a minute
    """

    name: str
    parts: Parts
    beats: int
    n_bars: int
    bpm: float

    @property
    def end(self) -> float:
        """Return the end of the last bar, quarters."""
        return float(self.beats * self.n_bars)

    def only(self, names: Sequence[str]) -> HardPiece:
        """Return it with some of its parts."""
        return replace(self, parts={name: self.parts[name] for name in names})

    def excerpt(self, rng: Rng, seconds: float) -> HardPiece:
        """Return whole bars of about `seconds` at its own tempo, at least six, beginning anywhere."""
        n = min(max(6, round(seconds * self.bpm / 60 / self.beats)), self.n_bars)
        return self.bars(int(rng.integers(0, self.n_bars - n + 1)), n)

    def bars(self, first: int, n: int) -> HardPiece:
        """Return n bars from bar `first` on, counted from 0; notes that begin before are left out."""
        start, stop = float(first * self.beats), float((first + n) * self.beats)
        return replace(self, parts=_cut(self.parts, start, stop), n_bars=n)

    def then(self, other: HardPiece) -> HardPiece:
        """Return both in a row."""
        rows = {
            name: [*part, *((q + self.end, d, p, v) for q, d, p, v in other.parts[name])]
            for name, part in self.parts.items()
        }
        return replace(self, parts=rows, n_bars=self.n_bars + other.n_bars)


def repeat_bars(piece: HardPiece, order: Sequence[tuple[int, int]]) -> HardPiece:
    """Return the piece as played out: sections (first bar, bar after the last) in a row."""
    sections = [piece.bars(first, last - first) for first, last in order]
    out = sections[0]
    for section in sections[1:]:
        out = out.then(section)
    return out


def _cut(parts: Parts, start: float, stop: float) -> Parts:
    return {
        name: [(q - start, min(d, stop - q), p, v) for q, d, p, v in rows if start - 1e-6 <= q < stop - 1e-6]
        for name, rows in parts.items()
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceShelf:
    """The pieces of one half, by kind and number, always the same for the same number.

    half: tuning or judging
    chorales: in four voices
    tunes: as ABC tokens
    """

    half: str
    chorales: Sequence[Piece] = ()
    tunes: Sequence[list[str]] = field(default=())

    @classmethod
    def open(cls, folder: Path, half: str) -> PieceShelf:
        """Open what `data music21` wrote into a folder; ConfigError if it is not there."""
        chorales, tunes = folder / "chorales.npz", folder / "tunes.json"
        if not (chorales.is_file() and tunes.is_file()):
            remedy = f"collaparte data music21 -o {folder}"
            raise ConfigError(str(folder), expected="chorales.npz and tunes.json", got="none", remedy=remedy)
        return cls(half=half, chorales=load_pieces(chorales), tunes=json.loads(tunes.read_text(encoding="utf8")))

    def piece(self, kind: str, number: int) -> HardPiece:
        """Return piece `number` of a kind: hands, duet, chorale or tune."""
        for index in range(1 << 20):
            name = f"{'composed' if kind == 'hands' else kind}-{index}"
            if split_of(name) != HARD_HALVES[self.half]:
                continue
            piece = KINDS[kind](self, name, index)
            if piece is None:
                continue
            if number == 0:
                return piece
            number -= 1
        raise AssertionError("there are endless pieces")

    def hands(self, name: str, index: int) -> HardPiece:
        """Compose a piano piece."""
        rng = _rng(name)
        sketch = compose_sketch(rng)
        left, right = arrange_hands(sketch, rng)
        parts = {RIGHT_HAND: _on_grid(right), LEFT_HAND: _on_grid(left)}
        return _piece(name, parts, sketch.beats, 50 * 3.0 ** rng.random())

    def duet(self, name: str, index: int) -> HardPiece:
        """Compose a melody and its accompaniment in one figure."""
        rng = _rng(name)
        sketch = compose_sketch(rng)
        figure = LEFT[str(rng.choice(UNDER))]
        under = figure(sketch.chords, float(rng.choice([1, 1 / 2, 1 / 3, 1 / 4])), rng)
        melody = [(q, d, p, VELOCITY) for q, d, p in sketch.melody]
        parts = {MELODY: _on_grid(melody), ACCOMPANIMENT: _on_grid(under)}
        return _piece(name, parts, sketch.beats, 60 * 2.2 ** rng.random())

    def chorale(self, name: str, index: int) -> HardPiece | None:
        """Return a chorale; None if it has another metre than quarters."""
        piece = self.chorales[index % len(self.chorales)]
        if piece.beat_unit != 4:
            return None
        step = piece.steps_per_quarter
        parts = {voice: _voice(piece, i, step) for i, voice in enumerate(VOICES)}
        return _piece(name, parts, piece.beats_per_bar, 56 * 1.8 ** _rng(name).random())

    def tune(self, name: str, index: int) -> HardPiece | None:
        """Return a tune; None if its bars are no whole quarters, or it is short."""
        tokens = self.tunes[index % len(self.tunes)]
        codec = AbcTokens.of([tokens])
        piece = codec.decode(codec.encode(tokens))
        if (4 * piece.beats_per_bar) % piece.beat_unit or not len(piece.notes):
            return None
        parts = {MELODY: _voice(piece, 0, piece.steps_per_quarter)}
        beats = 4 * piece.beats_per_bar // piece.beat_unit
        made = _piece(name, parts, beats, 80 * 1.8 ** _rng(name).random())
        return made if made.n_bars >= 12 else None


KINDS = {"hands": PieceShelf.hands, "duet": PieceShelf.duet, "chorale": PieceShelf.chorale, "tune": PieceShelf.tune}


def _rng(name: str) -> Rng:
    return np.random.default_rng(zlib.crc32(name.encode()))


def _voice(piece: Piece, voice: int, step: int) -> list[Row]:
    notes = piece.notes[piece.notes["voice"] == voice]
    rows = [(n["onset"] / step, n["duration"] / step, int(n["pitch"]), VELOCITY) for n in notes]
    return _on_grid(rows)


def _on_grid(rows: Sequence[Row]) -> list[Row]:
    """Move onsets and durations to what can be written."""
    moved = [(round(q * DIVISIONS), max(1, round(d * DIVISIONS)), p, v) for q, d, p, v in rows]
    return [(q / DIVISIONS, d / DIVISIONS, p, v) for q, d, p, v in sorted(set(moved))]


def _piece(name: str, parts: Parts, beats: int, bpm: float) -> HardPiece:
    """Return whole bars of the parts, at most as fast as can be played."""
    end = max(q + d for rows in parts.values() for q, d, _, _ in rows)
    onsets = len({round(q, 3) for rows in parts.values() for q, *_ in rows}) / end
    n_bars = max(1, int(end // beats))
    bpm = min(bpm, 60 * MOST_ONSETS_A_S / onsets)
    return HardPiece(name=name, parts=_cut(parts, 0.0, float(n_bars * beats)), beats=beats, n_bars=n_bars, bpm=bpm)
