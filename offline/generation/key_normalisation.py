"""Key normalisation: transpose each piece until its first bass note is a C.

A network of normalised pieces gives a piece x the probability p(normalised x) / 12: one of twelve equally likely keys,
then the piece in it. This is a distribution over pieces in every key, comparable with any other.
"""

from __future__ import annotations

import numpy as np

from offline.music.piece import REST

__all__ = ["KEY_NATS", "normalise_key", "shift_to_home"]

KEY_NATS = float(np.log(12))  # cost of the key, once a piece


def shift_to_home(frames: np.ndarray) -> int:
    """Return the semitones, -5 to 6, that move the first bass note to a C; frames: (frame, voice) of pitches."""
    bass = frames[:, -1]
    sounding = bass[bass != REST]
    shift = -int(sounding[0]) % 12 if len(sounding) else 0
    return shift - 12 if shift > 6 else shift


def normalise_key(frames: np.ndarray) -> np.ndarray:
    """Return the transposed piece (frame, voice)."""
    return np.where(frames == REST, frames, frames + shift_to_home(frames))
