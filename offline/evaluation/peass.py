"""PEASS scores (Emiya, Vincent, Harlander, Hohmann, IEEE TASLP 2011) through the package python-peass, if installed.

That package is an unvalidated port of the authors' MATLAB: compare its scores only with each other. It is slow, half
a minute for a few seconds, so it is given an excerpt of each song.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from engine.core.errors import ConfigError

try:
    import peass
except ImportError:  # optional, and under another licence
    peass = None

__all__ = ["PEASS", "peass_scores", "require_peass"]

PEASS = ("OPS", "TPS", "IPS", "APS")

EXCERPT_S = 4.0

Stems = npt.NDArray[np.float32]  # (sample, target, channel)


def require_peass() -> None:
    """Raise ConfigError if the package is missing."""
    if peass is None:
        remedy = "pip install --no-deps python-peass"
        raise ConfigError("--peass", expected="the package python-peass", got="none", remedy=remedy)


def peass_scores(
    references: Stems, estimates: Stems, sample_rate: int, targets: Sequence[int]
) -> npt.NDArray[np.float64]:
    """Return OPS, TPS, IPS and APS, 0 to 100, of some targets, (target, 4).

    Of the excerpt where the quietest target is loudest. A silent reference gives NaN.
    """
    part = _excerpt(references, sample_rate)
    given = [references[part, t].astype(np.float64) for t in range(references.shape[1])]
    rows = []
    for t in targets:
        if not given[t].any():
            rows.append([np.nan] * 4)
            continue
        own_first = [given[t], *given[:t], *given[t + 1 :]]
        scores = peass.predict_perceptual_evaluation_scores(
            own_first, estimates[part, t].astype(np.float64), sampling_frequency_hz=float(sample_rate)
        )
        rows.append(
            [
                scores.overall_perceptual_score,
                scores.target_perceptual_score,
                scores.interference_perceptual_score,
                scores.artifact_perceptual_score,
            ]
        )
    return np.array(rows)


def _excerpt(references: Stems, sample_rate: int) -> slice:
    n = int(EXCERPT_S * sample_rate)
    energy = np.cumsum(np.sum(references.astype(np.float64) ** 2, axis=2), axis=0)
    starts = np.arange(0, max(1, len(references) - n), sample_rate // 4)
    inside = energy[np.minimum(starts + n, len(energy) - 1)] - energy[starts]
    start = int(starts[inside.min(axis=1).argmax()])
    return slice(start, start + n)
