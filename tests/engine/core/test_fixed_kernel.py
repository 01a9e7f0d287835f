"""A kernel whose machine code is found once does what the kernel does."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
from numba import njit

from engine.core.fixed_kernel import FixedKernel


class Pair(NamedTuple):
    """Two arrays."""

    values: Any
    out: Any


@njit
def scaled(pair: Pair, factor: float) -> int:
    """Write the scaled values; return how many."""
    if len(pair.out) < len(pair.values):
        raise ValueError("too short")
    for i in range(len(pair.values)):
        pair.out[i] = factor * pair.values[i]
    return len(pair.values)


def test_every_call_does_what_the_kernel_does() -> None:
    fixed = FixedKernel(scaled)
    for n, factor in ((3, 2.0), (0, 1.0), (5, -1)):  # another length, and a whole number
        ours, its = Pair(np.arange(n) + 0.5, np.zeros(n)), Pair(np.arange(n) + 0.5, np.zeros(n))
        assert fixed.call(ours, factor) == scaled(its, factor) == n
        assert np.array_equal(ours.out, its.out)


def test_an_error_comes_through_and_the_next_call_is_right() -> None:
    fixed = FixedKernel(scaled)
    for _ in range(2):
        with pytest.raises(ValueError, match="too short"):
            fixed.call(Pair(np.ones(2), np.zeros(1)), 1.0)
        assert fixed.call(Pair(np.ones(2), np.zeros(2)), 1.0) == 2
