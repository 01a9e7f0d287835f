"""Chorales with ties and fermatas, divided as the published grid of the same music is.

Jsb16thSeparated.json knows neither; music21's scores do, in other numbers and order. A score goes to the split whose
pieces it shares its moments with, in whatever key, so that nothing of the validation and test pieces is learnt.
"""

from __future__ import annotations

import numpy as np

from offline.music.piece import Piece, to_grid
from offline.music.roll_sets import SPLITS, Split

__all__ = ["divide", "moments"]

LENGTH = 16  # frames of a moment
SHARED = 0.2  # of a score's moments: above, it is the same chorale
N_VOICES = 4


def moments(frames: np.ndarray) -> set[bytes]:
    """Every stretch of 16 frames (frame, voice) in which a voice moves, relative to its first soprano."""
    found = set()
    for start in range(len(frames) - LENGTH + 1):
        part = frames[start : start + LENGTH] - frames[start, 0]
        if (part != part[0]).any():
            found.add(part.astype(np.int16).tobytes())
    return found


def divide(pieces: list[Piece], published: Split) -> dict[str, list[Piece]]:
    """The pieces by split; what no published piece is like goes to train."""
    known = {split: set().union(*map(moments, published[split])) for split in SPLITS}
    divided: dict[str, list[Piece]] = {split: [] for split in SPLITS}
    for piece in pieces:
        own = moments(to_grid(piece, N_VOICES)[0])
        shares = {split: len(own & known[split]) / max(len(own), 1) for split in ("test", "valid")}
        best = max(shares, key=lambda split: shares[split])
        divided[best if shares[best] > SHARED else "train"].append(piece)
    return divided
