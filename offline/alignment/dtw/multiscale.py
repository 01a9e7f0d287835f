"""Align from coarse to fine: the best path of shortened sequences, then the best one near it, and so on.

Memory and time grow with the length, not with its square: FastDTW (Salvador & Chan 2007), MrMsDTW (Praetzlich,
Driedger & Mueller 2016). A path that strays from the coarse one by more than the band is missed; `warp` finds it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from engine.core.config import Settings, ranged
from offline.alignment.dtw.exact import DtwConfig, Features, Ints, Warping, band_around, checked, warp

__all__ = ["MultiscaleConfig", "shorten", "warp_multiscale"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MultiscaleConfig(Settings):
    """How sequences are shortened."""

    factor: int = ranged(4, 2, 64, "frames that become one from scale to scale")
    radius: int = ranged(24, 1, 1 << 20, "half width of the band around the coarser path", unit="frames of that scale")
    n_exact: int = ranged(1 << 24, 1, 1 << 40, "cells of the matrix up to which there is no coarser scale")


def warp_multiscale(
    reference: Features, live: Features, config: DtwConfig | None = None, scales: MultiscaleConfig | None = None
) -> Warping:
    """Align two sequences of features (frame, feature) float32 by the best path near that of a coarser scale.

    Settings and errors as for `warp`; `config.radius` applies to the finest scale only.
    """
    config, scales = config or DtwConfig(), scales or MultiscaleConfig()
    reference, live = checked(reference, live)
    return warp(reference, live, config, _band(reference, live, config, scales))


def shorten(features: npt.NDArray[np.float32], factor: int) -> npt.NDArray[np.float32]:
    """Return means of `factor` frames each, the last of the remaining ones: (frame, feature)."""
    starts = np.arange(0, len(features), factor)
    counts = np.diff(np.append(starts, len(features)))
    return (np.add.reduceat(features, starts, axis=0) / counts[:, None]).astype(np.float32)


def _band(reference: Features, live: Features, config: DtwConfig, scales: MultiscaleConfig) -> Ints | None:
    """Return where the coarser scale lets the path go; None if there is no coarser scale."""
    if len(reference) * len(live) <= scales.n_exact or min(len(reference), len(live)) < 2 * scales.factor:
        return None
    coarse, coarse_live = shorten(reference, scales.factor), shorten(live, scales.factor)
    band = _band(coarse, coarse_live, config, scales)
    free = replace(config, radius=None)
    path = warp(coarse, coarse_live, free, band).path
    return band_around(_refined(path, scales.factor), len(reference), len(live), scales.radius * scales.factor)


def _refined(path: Ints, factor: int) -> Ints:
    """Return the middles of a path's cells, in frames of the finer scale."""
    return path * factor + factor // 2
