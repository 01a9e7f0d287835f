"""Analysis and synthesis windows, and the check that overlapping frames can be inverted."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.core.config import require_one_of
from engine.core.errors import ConfigError
from engine.core.format import WINDOWS

__all__ = ["WINDOWS", "late_window", "overlap_sum", "synthesis_window", "window"]

# Coefficients of cos(2 pi k i / n): the generalised cosine windows.
COSINES = {
    "hann": (0.5, -0.5),
    "hamming": (0.54, -0.46),
    "blackman": (0.42, -0.5, 0.08),
    "rectangular": (1.0,),
}
LEAST_OVERLAP = 0.05  # of the largest overlap sum: below it, errors of rounding and masks grow by 26 dB and more


def window(name: str, n_fft: int) -> npt.NDArray[np.float32]:
    """Return the periodic window `name` (one of WINDOWS) of n_fft samples.

    `sine` is the square root of `hann`.
    """
    require_one_of("window", name, WINDOWS)
    phase = 2 * np.pi * np.arange(n_fft) / n_fft
    if name == "sine":
        return np.sin(phase / 2).astype(np.float32)
    return sum(a * np.cos(k * phase) for k, a in enumerate(COSINES[name])).astype(np.float32)  # type: ignore[union-attr]


def late_window(name: str, n_fft: int, fall: int) -> npt.NDArray[np.float32]:
    """Return a window (n_fft) that rises over all but its last `fall` samples, and falls over those, half Hann each.

    Its frames tell what came last. It has as much energy as the window `name` (after Mauler and Martin, "A low delay,
    variable resolution, perfect reconstruction spectral analysis-synthesis system", EUSIPCO 2007).
    """
    up = np.sin(0.5 * np.pi * (np.arange(n_fft - fall) + 0.5) / (n_fft - fall)) ** 2
    down = np.cos(0.5 * np.pi * (np.arange(fall) + 0.5) / max(1, fall)) ** 2
    late = np.concatenate([up, down])
    same = np.sum(window(name, n_fft).astype(np.float64) ** 2) / np.sum(late**2)
    return (late * np.sqrt(same)).astype(np.float32)


def overlap_sum(product: npt.NDArray[np.float64], hop: int) -> npt.NDArray[np.float64]:
    """Return the sum of copies of `product` (n_fft), one every `hop` samples: one period of `hop` samples."""
    padded = np.zeros(-(-len(product) // hop) * hop)
    padded[: len(product)] = product
    period: npt.NDArray[np.float64] = padded.reshape(-1, hop).sum(axis=0)
    return period


def synthesis_window(name: str, n_fft: int, hop: int) -> npt.NDArray[np.float32]:
    """Return the window for overlap-add that inverts analysis with `name`: analysis times it adds up to 1.

    It is the window `name` divided by the overlap sum of its square (weighted overlap-add, Crochiere 1980), so the sum
    need not be constant, only well above 0. Raises ConfigError, with the largest hop that works, if it is not.
    """
    w = window(name, n_fft).astype(np.float64)
    if not _invertible(w, hop):
        works = next(n_fft // k for k in range(1, n_fft + 1) if _invertible(w, n_fft // k))
        raise ConfigError(
            "hop",
            expected=f"one at which {name} windows of {n_fft} samples overlap without gaps",
            got=str(hop),
            remedy=f"try {works}",
        )
    total = overlap_sum(w * w, hop)
    return (w / np.resize(total, n_fft)).astype(np.float32)


def _invertible(w: npt.NDArray[np.float64], hop: int) -> bool:
    total = overlap_sum(w * w, hop)
    return bool(total.min() >= LEAST_OVERLAP * total.max())
