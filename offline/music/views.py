"""What a corpus sounds like in the representation of a system: the best that it could write, as pieces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from offline.music.catalogue import ROLL_SETS
from offline.music.chords import chords_of, triad_of
from offline.music.codecs import BarImage, DrumTokens, Roll
from offline.music.corpora import Corpora
from offline.music.piece import REST, Piece, from_grid, make_notes

__all__ = ["VIEWS", "blues_piece"]

N_MADE = {"train": 60, "valid": 30}  # pieces of music that is made by rule
PIANO = Roll(low=0, high=127, articulate=False)
STRUCK = Roll(low=0, high=127)
View = Callable[[Corpora, str], list[Piece]]
CHORD_LOW, MELODY_LOW = 48, 72  # of the blues, as they are played


def _voices(corpora: Corpora, split: str) -> list[Piece]:
    return [from_grid(frames) for frames in corpora.chorales()[split]]


def _signed(corpora: Corpora, split: str) -> list[Piece]:
    return corpora.signed_chorales()[split]


def _roll(corpora: Corpora, split: str) -> list[Piece]:
    return [PIANO.decode(PIANO.encode(piece)) for piece in corpora.pieces()[split]]


def _eighths(corpora: Corpora, split: str) -> list[Piece]:
    rolls = (PIANO.encode(piece)[::2] for piece in corpora.pieces()[split])
    return [replace(PIANO.decode(roll), steps_per_quarter=2) for roll in rolls]


def _struck(corpora: Corpora, split: str) -> list[Piece]:
    return [STRUCK.decode(STRUCK.encode(piece)) for piece in corpora.pieces()[split]]


def _quarters(corpora: Corpora, split: str) -> list[Piece]:
    keys = Roll(articulate=False)
    rolls = corpora.rolls(ROLL_SETS[0])[split]
    return [replace(keys.decode(roll.astype(np.float32)), steps_per_quarter=1) for roll in rolls]


def _melody(corpora: Corpora, split: str) -> list[Piece]:
    return [from_grid(frames) for frames in corpora.melodies()[split]]


def _melody_and_chords(corpora: Corpora, split: str) -> list[Piece]:
    return [_over_chords(frames, frames[:, 0], 4) for frames in corpora.grids()[split]]


def _image_over_chords(corpora: Corpora, split: str) -> list[Piece]:
    image, pieces = BarImage(), []
    for frames in corpora.grids()[split]:
        line = image.encode(from_grid(frames[:, :1])).argmax(axis=1).ravel()[: len(frames)]
        pieces.append(_over_chords(frames, line, 16))
    return pieces


def _over_chords(frames: np.ndarray, line: np.ndarray, steps: int) -> Piece:
    """Return a melody (frame,) as voice 0, and the triads of all voices, by `steps` frames, as voice 1."""
    chords = chords_of(frames, steps)
    starts = np.flatnonzero(np.diff(chords, prepend=-1))
    rows = [(int(n["onset"]), int(n["duration"]), int(n["pitch"]), 0) for n in from_grid(line[:, None]).notes]
    for start, end in zip(starts, [*starts[1:], len(chords)], strict=True):
        first, last = int(start) * steps, min(int(end) * steps, len(frames))
        rows += [(first, last - first, pitch, 1) for pitch in triad_of(int(chords[start]))]
    return Piece(notes=make_notes(rows), n_steps=len(frames))


def _notes(corpora: Corpora, split: str) -> list[Piece]:
    pieces = []
    for piece in corpora.pieces()[split]:
        notes = piece.notes.copy()
        notes["voice"] = 0
        pieces.append(replace(piece, notes=np.sort(notes, order=["onset", "voice", "pitch"])))
    return pieces


def _tunes(corpora: Corpora, split: str) -> list[Piece]:
    codec, tunes = corpora.tunes()
    return [codec.decode(tokens) for tokens in tunes[split]]


def _grooves(corpora: Corpora, split: str) -> list[Piece]:
    made = (corpora.groove(split, np.random.default_rng((len(split), i)))[0] for i in range(N_MADE[split]))
    return [DrumTokens().decode(tokens) for tokens in made]


def blues_piece(roll: np.ndarray) -> Piece:
    """Return bits (eighth, 12 or 25) as played: chords as voice 0, the melody as voice 1, equal neighbours one note."""
    rows = []
    for voice, low, bits in ((0, CHORD_LOW, roll[:, :12]), (1, MELODY_LOW, roll[:, 12:])):
        for i in range(bits.shape[1]):
            line = np.where(bits[:, i : i + 1] > 0, low + i, REST).astype(np.int16)
            rows += [(int(n["onset"]), int(n["duration"]), low + i, voice) for n in from_grid(line).notes]
    return Piece(notes=make_notes(rows), n_steps=len(roll), steps_per_quarter=2)


def _choruses(corpora: Corpora, split: str, *, melody: bool = True) -> list[Piece]:
    seeds = ((len(split), i) for i in range(N_MADE[split]))
    return [blues_piece(corpora.chorus(split, np.random.default_rng(seed), melody=melody)) for seed in seeds]


def _chord_choruses(corpora: Corpora, split: str) -> list[Piece]:
    return _choruses(corpora, split, melody=False)


VIEWS: dict[str, View] = {
    "voices": _voices,
    "signed voices": _signed,
    "roll": _roll,
    "eighths": _eighths,
    "struck roll": _struck,
    "quarters": _quarters,
    "melody": _melody,
    "melody and chords": _melody_and_chords,
    "image over chords": _image_over_chords,
    "notes": _notes,
    "tunes": _tunes,
    "grooves": _grooves,
    "choruses": _choruses,
    "chord choruses": _chord_choruses,
}
