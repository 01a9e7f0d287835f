"""Estimate how reliable the position is: how well the onset features fit the events of the best path."""

from __future__ import annotations

import numpy as np
from numba import njit

from engine.core.arrays import F64

__all__ = ["CONFIDENCE_MEMORY_S", "confidence", "reset_confidence", "update_confidence"]

CONFIDENCE_MEMORY_S = 2.0  # half-life of the average of the onset fit, seconds
PRIOR = 5.0  # weight of the initial fit, as onset strength: about two onsets
WAITING = 0.45  # fit assumed before the first note, and initially
CONFIDENCE = (0.367, 10.0, -5.1)  # logistic regression: weights of the mass's log odds and of the fit, intercept
DOUBT, DOUBT_WIDTH = 0.42, 0.03  # fit at which the trust is one half, and scale of the logistic


@njit(nogil=True, cache=True)
def reset_confidence(sums: F64) -> None:
    """Set the sums to their initial values.

    sums: trust in the best path, 0 to 1; fit times strength; strength
    """
    sums[0], sums[1], sums[2] = 0.0, PRIOR * WAITING, PRIOR


@njit(nogil=True, cache=True)
def update_confidence(fit_sums: F64, likeness: F64, best: int, strength: float, top: int, memory: float) -> None:
    """Update the average onset fit of the best path, weighted by onset strength, and the trust that follows from it.

    The fit of a frame is the cosine of its onset features and the template of the best path's event or the next,
    whichever is larger. On the recordings used for tuning the average lies from 0.45 to 0.65 with the right score, from
    0.1 to 0.4 with a wrong one.

    fit_sums: as in `reset_confidence`
    likeness: (event, modulo its length) cosine of the onset features and each event's template
    best: event of the best path
    strength: onset strength of the frame
    top: last event that has a likelihood
    memory: share of the sums that is kept from frame to frame
    """
    event, span = best, len(likeness)
    fit = likeness[event % span] if event > 0 else WAITING
    if 0 < event < top:
        fit = max(fit, likeness[(event + 1) % span])
    sums = fit_sums
    sums[1] = memory * sums[1] + strength * fit
    sums[2] = memory * sums[2] + strength
    sums[0] = 1 / (1 + np.exp((DOUBT - sums[1] / sums[2]) / DOUBT_WIDTH))


@njit(nogil=True, cache=True)
def confidence(mass: float, sums: F64) -> float:
    """Return the probability that the position is right within 250 ms.

    A logistic regression on the share of likelihood near the position and the average fit, fitted on playing, with
    jumps, in recordings and in performances rendered by the project: of the instants with a confidence of 0.5 to 0.6,
    57 % were right, of those above 0.9, 96 %.
    """
    share = min(max(mass, 1e-4), 1 - 1e-4)
    odds = CONFIDENCE[0] * np.log(share / (1 - share)) + CONFIDENCE[1] * sums[1] / sums[2] + CONFIDENCE[2]
    return 1 / (1 + np.exp(-odds))
