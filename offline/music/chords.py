"""Chords: the triad of what sounds, as a token, as MidiNet's code, and as notes."""

from __future__ import annotations

import numpy as np

from offline.music.piece import REST, Piece, from_grid

__all__ = ["chord_code", "chords_of", "moved_chords", "triad_of", "with_chords"]

MAJOR, MINOR = (0, 4, 7), (0, 3, 7)
LOWEST_ROOT = 48  # C3


def chords_of(frames: np.ndarray, steps: int = 4) -> np.ndarray:
    """Return the chord of every `steps` frames (frame, voice): 1 + root for major, 13 + root for minor.

    It is the triad whose notes sound longest, with the lowest note of each frame counted twice; where nothing sounds,
    the chord before.
    """
    n = -(-len(frames) // steps)
    chroma = np.zeros((n, 12))
    lowest = np.where(frames == REST, 999, frames).min(axis=1)
    for voice in range(frames.shape[1]):
        sounding = np.flatnonzero(frames[:, voice] != REST)
        pitches = frames[sounding, voice]
        np.add.at(chroma, (sounding // steps, pitches % 12), 1.0 + (pitches == lowest[sounding]))
    triads = np.zeros((24, 12))
    for root in range(12):
        for i, triad in enumerate((MAJOR, MINOR)):
            triads[12 * i + root, [(root + step) % 12 for step in triad]] = 1
    chords = 1 + (chroma @ triads.T).argmax(axis=1)
    known = np.maximum.accumulate(np.where(chroma.any(axis=1), np.arange(n), 0))
    return np.asarray(chords[known])


def chord_code(chord: np.ndarray) -> np.ndarray:
    """Return MidiNet's thirteen values of chords (n,): twelve for the root, one for minor; (n, 13) float32."""
    code = np.zeros((len(chord), 13), np.float32)
    known = chord > 0
    code[np.flatnonzero(known), (chord[known] - 1) % 12] = 1
    code[:, 12] = chord > 12
    return code


def triad_of(chord: int) -> list[int]:
    """Return the pitches around C3 of a chord token: 1 + root for major, 13 + root for minor; none of token 0."""
    third = 3 if chord > 12 else 4
    return [LOWEST_ROOT + (chord - 1) % 12 + step for step in (0, third, 7)] if chord else []


def moved_chords(chords: np.ndarray, semitones: int) -> np.ndarray:
    """Return chord tokens (n,) transposed; 0 stays."""
    kind, root = np.divmod(np.maximum(chords, 1) - 1, 12)
    return np.where(chords > 0, 12 * kind + (root + semitones) % 12 + 1, 0)


def with_chords(frames: np.ndarray, steps: int = 4) -> Piece:
    """Return the highest voice, and the chords of all as voice 1 (see `TuneTuples`)."""
    chords = np.repeat(chords_of(frames, steps), steps)[: len(frames)]
    grid = np.column_stack([frames[:, 0], chords]).astype(np.int16)
    return from_grid(grid)
