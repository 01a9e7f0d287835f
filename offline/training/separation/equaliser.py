"""Random equalisers for stems: what an instrument sounds like through another microphone, desk and room."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.separation.network import UnmixConfig

__all__ = ["equalisers"]

KNOT_OCTAVES = 1.0  # between the points that are drawn


def equalisers(
    rng: np.random.Generator, merged: npt.NDArray[np.bool_], deviation_db: float, config: UnmixConfig
) -> npt.NDArray[np.float32]:
    """Gains (batch, target, bin) of curves that are smooth over octaves, each target's own.

    merged: (batch, target), targets that an example does not tell apart and that share a curve; deviation_db: of the
    curves' points, drawn from a normal distribution.
    """
    octaves = np.log2(np.arange(1, config.n_bins) * config.sample_rate / config.n_fft)
    knots = np.arange(octaves[0], octaves[-1] + KNOT_OCTAVES, KNOT_OCTAVES)
    draws = rng.normal(0, deviation_db, (*merged.shape, len(knots)))
    draws = np.where(merged[..., None], draws[:, -1:], draws)
    curves = np.array([[np.interp(octaves, knots, points) for points in example] for example in draws])
    return np.asarray(10 ** (np.concatenate([curves[..., :1], curves], -1) / 20), np.float32)  # 0 Hz as the first bin
