"""The split of chorales with ties and fermatas, like that of the published grid of the same music.

Jsb16thSeparated.json has neither; music21's scores do, in other numbers and order. A score goes to the split whose
pieces share its moments, in whatever key, so that no validation or test piece is trained on.
"""

from __future__ import annotations

import numpy as np

from offline.music.catalogue import ROLL_SPLITS
from offline.music.piece import Piece, to_grid
from offline.music.roll_sets import Split

__all__ = ["divide", "moments"]

LENGTH = 16  # frames in a moment
SHARED = 0.2  # share of a score's moments from which it is the same chorale
N_VOICES = 4


def moments(frames: np.ndarray) -> set[bytes]:
    """Return every 16 frames (frame, voice) in which a voice moves, relative to their first soprano."""
    found = set()
    for start in range(len(frames) - LENGTH + 1):
        part = frames[start : start + LENGTH] - frames[start, 0]
        if (part != part[0]).any():
            found.add(part.astype(np.int16).tobytes())
    return found


def divide(pieces: list[Piece], published: Split) -> dict[str, list[Piece]]:
    """Divide pieces by split; those unlike every published piece go to train."""
    known = {split: set().union(*map(moments, published[split])) for split in ROLL_SPLITS}
    divided: dict[str, list[Piece]] = {split: [] for split in ROLL_SPLITS}
    for piece in pieces:
        own = moments(to_grid(piece, N_VOICES)[0])
        shares = {split: len(own & known[split]) / max(len(own), 1) for split in ("test", "valid")}
        best = max(shares, key=lambda split: shares[split])
        divided[best if shares[best] > SHARED else "train"].append(piece)
    return divided
