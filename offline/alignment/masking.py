"""Measure how much other sound covers the music of a score, and expect less of it then.

Noise, a room or other instruments take from the likeness of every event; without a lower threshold any music would then
count as less likely than none.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine.following.config import FollowConfig
from engine.following.reference import Reference
from offline.alignment.tuning import SoundProfile
from offline.alignment.viterbi import feature_blocks
from offline.recording import Recording

__all__ = ["less_exacting"]

EVERY = 8  # frames, of which one is measured
CLEAR = 0.83  # likeness of the most similar event, the median over frames, of music that nothing covers
LEAST = 0.3  # threshold of the likeness


def less_exacting(
    follow: FollowConfig, reference: Reference, recording: Recording, sound: SoundProfile
) -> FollowConfig:
    """Return settings whose likeness threshold is lower by what the recording lacks; reference: of bands alone."""
    plain = replace(follow, input_features=None)
    covered = max(0.0, CLEAR - _likeness(plain, reference, recording, sound))
    threshold = max(follow.likelihood.sustain_threshold - covered, min(LEAST, follow.likelihood.sustain_threshold))
    return replace(follow, likelihood=replace(follow.likelihood, sustain_threshold=threshold))


def _likeness(follow: FollowConfig, reference: Reference, recording: Recording, sound: SoundProfile) -> float:
    """Return the median over audible frames of the cosine with the event that is most similar."""
    n, silent = reference.sustain.shape[1], np.log1p(follow.features.compression * follow.likelihood.silence)
    best = []
    for block in feature_blocks(recording, follow, sound, 0)[1]:
        rows = block[::EVERY, :n]
        rows = rows[rows.max(axis=1, initial=0.0) > silent]
        if len(rows):
            fit = rows @ reference.sustain.T / np.linalg.norm(rows, axis=1)[:, None]
            best.append(fit.max(axis=1))
    return float(np.median(np.concatenate(best))) if best else 1.0
