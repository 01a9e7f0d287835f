"""Keep invalid samples out of every filter state: NaN, Inf and absurdly large values become silence."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.core.arrays import Scalar32
from engine.core.errors import ShapeError

__all__ = ["LIMIT", "as_block", "clean"]

LIMIT = 2.0**20  # 120 dB over full scale: no converter emits it, and its square is far from float32's limit


@njit(nogil=True, cache=True, forceinline=True)
def clean(value: Scalar32, limit: Scalar32) -> Scalar32:
    """Return `value`, or 0 where it is NaN or beyond +-limit; both comparisons are false for NaN."""
    return value if -limit <= value <= limit else np.float32(0.0)


def as_block(where: str, block: npt.NDArray[Any], dtype: type, row: tuple[int, ...]) -> npt.NDArray[Any]:
    """Return `block` as kernels need it: (time, *row), contiguous, writable; copied only if necessary.

    Raises ShapeError, naming `where`, if the axes after the first are not `row`.
    """
    if block.shape[1:] != row:
        wanted = ", ".join(map(str, ("time", *row)))
        raise ShapeError(where, expected=f"({wanted})", got=str(block.shape))
    if block.dtype == dtype and block.flags.carray:
        return block
    return np.require(block, dtype, ("C", "W"))
