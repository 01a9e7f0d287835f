"""The home key: music moved until the white keys hold it, so that a small network learns one key and plays in any."""

from __future__ import annotations

import numpy as np

from offline.music.piece import REST, Piece, transpose

__all__ = ["foreign_to", "home_frames", "home_pieces", "home_shift"]

# How well each pitch class fits C major or A minor: the ratings of both keys (Krumhansl & Kessler 1982), summed.
MAJOR = np.array([6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88])
MINOR = np.array([6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17])
HOME = MAJOR + np.roll(MINOR, 9)
WHITE_KEYS = (0, 2, 4, 5, 7, 9, 11)
WHITE = np.isin(np.arange(12), WHITE_KEYS)


def home_shift(pitches: np.ndarray) -> int:
    """Return the semitones, -5 to 6, that move pitches (n,), -1 a rest, to C major or A minor.

    The scale that holds most notes decides, and between equal ones the ratings of keys.
    """
    classes = np.bincount(pitches[pitches >= 0] % 12, minlength=12)
    moved = {shift: np.roll(classes, shift) for shift in range(-5, 7)}
    return max(moved, key=lambda shift: (int(moved[shift][WHITE].sum()), float(moved[shift] @ HOME), -abs(shift)))


def foreign_to(pitches: np.ndarray, shift: int) -> np.ndarray:
    """Return which pitches (n,), -1 a rest, are outside the scale `shift` semitones above the home key."""
    return np.asarray((pitches != REST) & ~np.isin((pitches - shift) % 12, WHITE_KEYS))


def home_frames(pieces: list[np.ndarray]) -> list[np.ndarray]:
    """Return grids (frame, voice) of pitches in the home key."""
    return [np.where(p == REST, p, p + home_shift(p.ravel())).astype(np.int16) for p in pieces]


def home_pieces(pieces: list[Piece]) -> list[Piece]:
    """Return pieces in the home key."""
    return [transpose(piece, home_shift(np.repeat(piece.notes["pitch"], piece.notes["duration"]))) for piece in pieces]
