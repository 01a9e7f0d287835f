"""The first pass of `align` as a warping: the cheapest path of frames through the distances of both sides.

Agrawal & Dixon (2020), equation (3), by the exact warping of `offline.alignment.dtw`, which computes distances where it
needs them and keeps no matrix. The frames are those of `MatchTracker`: with a Siamese network, its embeddings, and the
cost is its distance D_W.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.core.processor import join
from engine.following.config import FollowConfig
from engine.following.reference import Reference
from engine.following.warping.match import BEGINS_SHARE, LEAST_S, reference_frames
from offline.alignment.dtw.exact import DtwConfig, warp
from offline.alignment.tuning import SoundProfile, measure_profile
from offline.alignment.viterbi import ViterbiPath, feature_blocks
from offline.recording import Recording

__all__ = ["warped_path"]

Features = npt.NDArray[np.float32]

EUCLIDEAN = DtwConfig(metric="euclidean")
TINY = 1e-6


def warped_path(
    reference: Reference, recording: Recording, follow: FollowConfig, sound: SoundProfile | None = None
) -> ViterbiPath:
    """Warp the whole recording onto the reference; every event has its place.

    sound: tuning and peak, measured if not given
    """
    timing, blocks = feature_blocks(recording, follow, sound or measure_profile(recording), reference.delay)
    frame_s, onset = timing.hop / timing.sample_rate, follow.warp.onset
    score_s, ours = reference_frames(reference, frame_s, onset)
    rows = join(blocks)
    first, last = _sounding(rows, reference, round(LEAST_S / frame_s))
    theirs = _comparable(rows[first:last], reference, onset)
    path = warp(ours, theirs, EUCLIDEAN).path
    place = first + np.interp(np.arange(len(ours)), *_reached(path))
    live = np.interp(reference.score_s, score_s, place)
    first_s = (timing.hop - timing.late - timing.delay) / timing.sample_rate
    return ViterbiPath(np.arange(len(reference.score_s)), first_s + frame_s * live)


def _sounding(rows: Features, reference: Reference, after: int) -> tuple[int, int]:
    """Return the first frame of the music and the end: from its first onset on, to some frames after its last.

    Were the ends free, the cheapest path would be a short one, all of the score at one place.
    """
    begins = np.linalg.norm(rows[:, reference.sustain.shape[1] :], axis=1) >= BEGINS_SHARE * reference.strength
    where = np.flatnonzero(begins)
    if not len(where):
        return 0, len(rows)
    return int(where[0]), min(int(where[-1]) + after + 1, len(rows))


def _comparable(rows: Features, reference: Reference, onset: float) -> Features:
    """Scale rows of live features as the tracker does: embeddings as they are, others to unit length."""
    n = reference.sustain.shape[1]
    out = rows.copy()
    if not len(reference.frames):
        out[:, :n] /= np.maximum(np.linalg.norm(rows[:, :n], axis=1, keepdims=True), TINY)
    out[:, n:] *= np.float32(onset / reference.strength)
    return out


def _reached(path: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return the reference frames that a path passes, and the live frame at which it reaches each first."""
    frame, first = np.unique(path[:, 0], return_index=True)
    return frame, path[first, 1].astype(float)
