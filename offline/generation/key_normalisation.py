"""One key for all pieces: each is moved until its first bass note is a C, so that all data speak of the same degrees.

A network that knows pieces at home only gives a piece x the probability p(x at home) / 12: first one of twelve keys,
each as likely, then the piece in it. That is a distribution over pieces in every key, comparable with any other.
"""

from __future__ import annotations

import numpy as np

from offline.music.piece import REST

__all__ = ["KEY_NATS", "at_home", "home_shift"]

KEY_NATS = float(np.log(12))  # what telling the key costs, once a piece


def home_shift(frames: np.ndarray) -> int:
    """Semitones, -5 to 6, that move the first note of the lowest voice to a C; frames: (frame, voice) of pitches."""
    bass = frames[:, -1]
    sounding = bass[bass != REST]
    shift = -int(sounding[0]) % 12 if len(sounding) else 0
    return shift - 12 if shift > 6 else shift


def at_home(frames: np.ndarray) -> np.ndarray:
    """The piece so moved."""
    return np.where(frames == REST, frames, frames + home_shift(frames))
