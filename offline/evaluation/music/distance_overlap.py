"""The overlap of two sets of pieces in one measure, by distances within a set and between both (Yang & Lerch 2020)."""

from __future__ import annotations

import numpy as np

__all__ = ["distance_overlap"]

N_GRID = 512
WIDTHS = 4  # of a kernel, beyond the largest distance


def distance_overlap(samples: np.ndarray, corpus: np.ndarray, step: float) -> float:
    """Return the area, 0 to 1, that two densities share: of distances in the corpus, and from samples to corpus.

    samples, corpus: values of a measure, (n,); step: least width of a kernel
    Yang & Lerch, "On the evaluation of generative models in music", 2020, section 4; Gaussian kernels of Scott's width,
    as their program mgeval has them, but never narrower than `step`, where theirs fail on equal values. A kernel's part
    below no distance is folded back.
    """
    samples, corpus = np.asarray(samples, float), np.asarray(corpus, float)
    inside = np.abs(corpus[:, None] - corpus)[np.triu_indices(len(corpus), 1)]
    between = np.abs(samples[:, None] - corpus).ravel()
    widths = [max(_scott(distances), step) for distances in (inside, between)]
    high = max(inside.max(initial=0.0), between.max(initial=0.0)) + WIDTHS * max(widths)
    densities = [_density(distances, width, high) for distances, width in zip((inside, between), widths, strict=True)]
    return float(np.minimum(*densities).sum())


def _scott(values: np.ndarray) -> float:
    return float(values.std(ddof=1)) * len(values) ** -0.2 if len(values) > 1 else 0.0


def _density(values: np.ndarray, width: float, high: float) -> np.ndarray:
    """Return the share of a density on each of N_GRID cells from 0 to `high`, by a histogram under a kernel."""
    counts = np.histogram(values, N_GRID, (0, high))[0] / max(len(values), 1)
    cells = np.arange(-N_GRID + 1, N_GRID) * high / N_GRID
    kernel = np.exp(-0.5 * (cells / width) ** 2)
    both = np.convolve(np.concatenate([counts[::-1], counts]), kernel / kernel.sum(), mode="same")
    out: np.ndarray = both[N_GRID:] / both[N_GRID:].sum()
    return out
