"""What the trainings share in reading sequences: random windows, and chorales in every key."""

from __future__ import annotations

import numpy as np

from offline.music.piece import REST

__all__ = ["KEYS", "in_keys", "random_windows"]

KEYS = range(-5, 7)  # semitones


def in_keys(pieces: list[np.ndarray]) -> list[np.ndarray]:
    """Return chorales (frame, voice) of pitches in twelve keys."""
    return [np.where(p == REST, p, p + k).astype(np.int16) for p in pieces for k in KEYS]


def random_windows(sequences: list[np.ndarray], n: int, length: int, rng: np.random.Generator) -> np.ndarray:
    """Draw windows (n, length, ...) of sequences, weighted by their length; short ones are padded with zeros."""
    sizes = np.array([max(len(s) - length + 1, 1) for s in sequences], float)
    chosen = rng.choice(len(sequences), size=n, p=sizes / sizes.sum())
    out = np.zeros((n, length, *sequences[0].shape[1:]), sequences[0].dtype)
    for row, i in enumerate(chosen):
        start = int(rng.integers(max(len(sequences[i]) - length + 1, 1)))
        part = sequences[i][start : start + length]
        out[row, : len(part)] = part
    return out
