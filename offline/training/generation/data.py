"""What the trainings share in reading sequences: random windows, and chorales in every key."""

from __future__ import annotations

import numpy as np

from offline.music.codecs import Roll
from offline.music.corpora import Corpora
from offline.music.home_key import home_pieces

__all__ = ["HIGH", "KEYS", "LOW", "home_roll_codec", "home_rolls", "random_windows"]

KEYS = range(-5, 7)  # semitones
LOW, HIGH = 36, 81  # of chorales as rolls
MARGIN = 3  # semitones by which music in the home key may leave that range


def home_rolls(corpora: Corpora, codec: Roll) -> dict[str, list[np.ndarray]]:
    """Return the music in the home key as rolls (step, pitch), uint8."""
    pieces = {split: home_pieces(part) for split, part in corpora.pieces().items()}
    return {split: [codec.encode(piece).astype(np.uint8) for piece in part] for split, part in pieces.items()}


def home_roll_codec(corpora: Corpora, low: int, high: int) -> Roll:
    """Return the roll of the music in the home key; low, high: of chorales in their own keys."""
    low, high = corpora.pitches(low, high)
    return Roll(low=max(low - MARGIN, 0), high=min(high + MARGIN, 127), articulate=False)


def random_windows(
    sequences: list[np.ndarray], n: int, length: int, rng: np.random.Generator, every: int = 1
) -> np.ndarray:
    """Draw windows (n, length, ...) of sequences, weighted by their length; short ones are padded with zeros.

    every: windows begin at multiples of so many steps
    """
    sizes = np.array([max(len(s) - length + 1, 1) for s in sequences], float)
    chosen = rng.choice(len(sequences), size=n, p=sizes / sizes.sum())
    out = np.zeros((n, length, *sequences[0].shape[1:]), sequences[0].dtype)
    for row, i in enumerate(chosen):
        start = int(rng.integers(max(len(sequences[i]) - length + 1, 1))) // every * every
        part = sequences[i][start : start + length]
        out[row, : len(part)] = part
    return out
