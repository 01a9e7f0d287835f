"""How far a confidence can be trusted: reliability diagrams and the expected calibration error.

Naeini, Cooper & Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning" (2015); Guo, Pleiss, Sun
& Weinberger, "On calibration of modern neural networks" (2017), equation 3.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

__all__ = ["Reliability", "draw_reliability", "expected_calibration_error", "reliability"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

N_BINS = 10


class Reliability(NamedTuple):
    """Bins of equal width from 0 to 1: mean confidence, share that was right, and number of moments (bin,)."""

    confidence: Floats
    right: Floats
    n: Floats


def reliability(confidence: Floats, right: Flags, n_bins: int = N_BINS) -> Reliability:
    """Sort moments into bins by their confidence; a bin without any has its middle as confidence and NaN as share."""
    index = np.clip((confidence * n_bins).astype(np.int64), 0, n_bins - 1)
    n = np.bincount(index, minlength=n_bins).astype(float)
    middle = (np.arange(n_bins) + 0.5) / n_bins
    full = np.maximum(n, 1)
    mean = np.bincount(index, confidence, n_bins) / full
    share = np.bincount(index, right.astype(float), n_bins) / full
    return Reliability(np.where(n > 0, mean, middle), np.where(n > 0, share, np.nan), n)


def expected_calibration_error(confidence: Floats, right: Flags, n_bins: int = N_BINS) -> float:
    """Return the mean difference between confidence and share right, weighted by the moments of each bin; NaN for none.

    ECE = sum over bins of n_b / N |right_b - confidence_b|.
    """
    if not len(confidence):
        return float("nan")
    bins = reliability(confidence, right, n_bins)
    return float(np.nansum(bins.n * np.abs(bins.right - bins.confidence)) / bins.n.sum())


def draw_reliability(path: Path, confidence: Floats, right: Flags) -> None:
    """Draw the share that was right over the confidence, and how often each confidence was reported."""
    bins = reliability(confidence, right)
    figure = Figure(figsize=(5, 6), layout="constrained")
    above, below = figure.subplots(2, 1, height_ratios=(3, 1), sharex=True)
    above.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    above.plot(bins.confidence, bins.right, "o-", color="C0")
    above.set(xlim=(0, 1), ylim=(0, 1), ylabel="share right")
    above.set_title(f"expected calibration error {expected_calibration_error(confidence, right):.3f}", fontsize=10)
    edges = (np.arange(len(bins.n)) + 0.5) / len(bins.n)
    below.bar(edges, bins.n / max(bins.n.sum(), 1), width=0.9 / len(bins.n), color="C0")
    below.set(xlabel="confidence", ylabel="share of time")
    figure.savefig(path, dpi=110)
