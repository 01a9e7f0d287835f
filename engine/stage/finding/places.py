"""Every place of every piece that may be played, in one row of events with their templates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.core.format import FrameFormat
from engine.dsp.features import FeatureConfig, feature_weights
from engine.following.reference import event_templates
from engine.following.tone_templates import note_features
from engine.score.score import SAME_ONSET, Score

__all__ = ["Places", "places_of"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Features = npt.NDArray[np.float32]

DIMENSIONS = 48  # K
SAMPLE = 20_000  # rows of which the principal directions are computed
LAST_S = 1.0  # score seconds that a last event lasts, so that resting there is not free


class Places(NamedTuple):
    """The events of all pieces, one piece after the other.

    sustain, onset: (event, K) templates of unit length, projected on the bases
    sustain_basis, onset_basis: (F, K), (G, K) orthonormal
    mean: (K) mean of the sustain templates
    event_s: (event) when it begins, seconds of its score
    length_s: (event) until the next, seconds of score
    piece: (event) number of its piece
    bar: (event) number of the printed bar that it lies in, the same each time that it is played
    quarter: (event) its place in the score
    first: (piece + 1) its first event, and that of the next
    """

    sustain: Features
    onset: Features
    sustain_basis: Features
    onset_basis: Features
    mean: Features
    event_s: Floats
    length_s: Floats
    piece: Ints
    bar: Ints
    quarter: Floats
    first: Ints


def places_of(scores: Sequence[Score], frames: FrameFormat, features: FeatureConfig) -> Places:
    """Compute the places of the scores for the features of `SpectralFeatures`."""
    notes = note_features(frames, feature_weights(frames, features))
    templates = [event_templates(score, notes, features) for score in scores]
    times = [score.seconds(score.onset_quarter) for score in scores]
    n_events = [len(row) for row in times]
    bars = _bars(scores)
    sustain, sustain_basis = _reduced(np.concatenate([sustain for sustain, _ in templates]))
    onset, onset_basis = _reduced(np.concatenate([onset for _, onset in templates]))
    return Places(
        sustain=sustain,
        onset=onset,
        sustain_basis=sustain_basis,
        onset_basis=onset_basis,
        mean=sustain.mean(axis=0),
        event_s=np.concatenate(times),
        length_s=np.concatenate([np.append(np.diff(row), LAST_S) for row in times]),
        piece=np.repeat(np.arange(len(scores)), n_events),
        bar=bars,
        quarter=np.concatenate([score.onset_quarter for score in scores]),
        first=np.concatenate([[0], np.cumsum(n_events)]).astype(np.int64),
    )


def _bars(scores: Sequence[Score]) -> Ints:
    rows, n_before = [], 0
    for score in scores:
        at = np.searchsorted(score.bar_quarter, score.onset_quarter + SAME_ONSET, side="right") - 1
        known, number = np.unique(score.bar_place, return_inverse=True)
        rows.append(n_before + number[np.maximum(at, 0)])
        n_before += len(known)
    return np.concatenate(rows).astype(np.int64)


def _reduced(rows: Features) -> tuple[Features, Features]:
    """Return the rows in their first principal directions (not centred), and those directions (feature, K)."""
    sample = rows[:: max(len(rows) // SAMPLE, 1)].astype(np.float64)
    _, vectors = np.linalg.eigh(sample.T @ sample)
    basis = vectors[:, ::-1][:, :DIMENSIONS].astype(np.float32)
    return np.ascontiguousarray(rows @ basis), np.ascontiguousarray(basis)
