"""Kernels of dynamic time warping: the accumulated cost of one tile from its upper and left edges, strip by strip.

Costs in a tile are float32 and relative to the least on its edges, so that rounding does not grow with the piece.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from offline.alignment.dtw.simd import LANES
from offline.alignment.dtw.strip import CELLS, GROUP, STRIP, WIDTH, n_steps_of, place, strip

__all__ = ["pack_columns", "pack_rows", "tile"]

Features = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Costs = npt.NDArray[np.float32]


@njit(nogil=True, cache=True)
def pack_rows(x: Features, scale: Floats) -> Costs:
    """Return frames times their scale as (strip, feature, row in a lane, lane), flat; zeros beyond the last."""
    n, n_features = x.shape
    rows = np.zeros((n + STRIP - 1) // STRIP * STRIP * n_features, np.float32)
    for i in range(n):
        begin, row = i // STRIP * STRIP, i % STRIP
        at = begin * n_features + row % 4 * LANES + row // 4
        for f in range(n_features):
            rows[at + f * STRIP] = x[i, f] * scale[i]
    return rows


@njit(nogil=True, cache=True)
def pack_columns(y: Features, scale: Floats) -> Costs:
    """Return frames times scale as (group, feature, column in a block, block backwards), flat, zeros at the end."""
    n, n_features = y.shape
    n_groups = (n_steps_of(n) + GROUP - 1) // GROUP
    panel = np.zeros(n_groups * n_features * 4 * WIDTH, np.float32)
    for g in range(n_groups):
        for k in range(WIDTH):
            for b in range(4):
                j = 4 * (g * GROUP + GROUP - 1 - k) + b
                at = (g * n_features * 4 + b) * WIDTH + k
                if 0 <= j < n:
                    for f in range(n_features):
                        panel[at + f * 4 * WIDTH] = y[j, f] * scale[j]
    return panel


@njit(nogil=True, cache=True)
def _strip_edges(top0: float, left: Costs, low: Ints, high: Ints, blocks: Ints, edges: Costs) -> None:
    """Write a strip's left edge and band into `edges` (13, lane); the edge counts only where the strip begins at it."""
    n = len(left)
    for lane in range(LANES):
        for a in range(4):
            i = 4 * lane + a
            edges[(a + 1) * LANES + lane] = left[i] if i < n and blocks[0] == 0 else np.inf
            edges[(a + 5) * LANES + lane] = low[i] if i < n else 0.0
            edges[(a + 9) * LANES + lane] = high[i] if i < n else 0.0
        above = 4 * lane - 1
        edges[lane] = left[above] if 0 <= above < n and blocks[0] == 0 else np.inf
    edges[0] = top0


@njit(nogil=True, cache=True)
def _reach(low: Ints, high: Ints, n_columns: int, blocks: Ints) -> None:
    """Write the blocks of columns that the band of any row touches; blocks[0] == blocks[1] if there are none."""
    first, last = n_columns, 0
    for i in range(len(low)):
        begin, end = max(low[i], 0), min(high[i], n_columns)
        if begin < end:
            first, last = min(first, begin), max(last, end)
    blocks[0], blocks[1] = (first // 4, (last + 3) // 4) if first < last else (0, 0)


@njit(nogil=True, cache=True)
def _relative(values: Floats, base: float, out: Costs) -> None:
    """Write float64 costs as float32 above the base."""
    for k in range(len(values)):
        out[k] = values[k] - base


@njit(nogil=True, cache=True)
def _least(values: Floats, before: float) -> float:
    for value in values:
        before = min(before, value)
    return before


@njit(nogil=True, cache=True)
def _take_row(kept: Costs, n_steps: int, row: int, blocks: Ints, before: float, out: Costs) -> None:
    """Write the row that the next strip needs above it: `before` is its first column; infinite where not reached."""
    end = min(4 * blocks[1], len(out) - 1)
    out[: 4 * blocks[0] + 1] = np.inf
    out[end + 1 :] = np.inf
    out[0] = before
    at = place(n_steps, row, 0)
    for block in range(blocks[0], blocks[1]):
        for j in range(4 * block, min(4 * block + 4, end)):
            out[j + 1] = kept[at + block * CELLS + (j - 4 * block) * LANES]


@njit(nogil=True, cache=True)
def _take_column(kept: Costs, n_steps: int, column: int, blocks: Ints, base: float, out: Floats) -> None:
    """Write the last column of a strip, if the strip reaches it."""
    if 4 * blocks[1] > column:
        for i in range(len(out)):
            out[i] = base + kept[place(n_steps, i, column)]


@njit(nogil=True, cache=True)
def tile(metric: int, weights: Costs, rows: Costs, panel: Costs, low: Ints, high: Ints, banded: bool, top: Floats, left: Floats, keep: bool) -> tuple[Floats, Floats, Costs, float]:  # fmt: skip  # noqa: E501
    """Return accumulated costs: bottom, right (float64), kept (float32, see `place`), base (to add to kept).

    metric: COSINE, EUCLIDEAN or CITYBLOCK
    weights: m1, m2, m3, a1, a2, a3 float32
    rows, panel: from `pack_rows` and `pack_columns`, from the tile's first row and column on
    low, high: (row) int64, the columns that the band allows, counted from the tile's first
    top: float64 D above, from the column before the first on
    left: float64 D before the first column
    keep: whether all of it is wanted; what cannot be reached is infinite
    """
    n_rows, n_columns = len(left), len(top) - 1
    n_steps, n_strips = n_steps_of(n_columns), (n_rows + STRIP - 1) // STRIP
    n_packed = len(rows) // n_strips
    bottom, right = np.full(n_columns, np.inf), np.full(n_rows, np.inf)
    kept = np.empty((n_strips if keep else 1) * n_steps * CELLS, np.float32)
    if keep and banded:
        kept[:] = np.inf
    base, blocks = _least(top, _least(left, np.inf)), np.zeros(2, np.int64)
    _reach(low, high, n_columns, blocks)
    if base == np.inf or blocks[0] == blocks[1]:
        return bottom, right, kept, 0.0
    edges = np.empty(13 * LANES, np.float32)
    above, before = np.full(4 * n_steps + 5, np.float32(np.inf)), np.empty(n_rows, np.float32)
    _relative(top, base, above)
    _relative(left, base, before)
    for s in range(n_strips):
        i, stop = s * STRIP, min((s + 1) * STRIP, n_rows)
        _reach(low[i:stop], high[i:stop], n_columns, blocks)
        at = s * n_steps * CELLS if keep else 0
        if blocks[0] < blocks[1]:
            _strip_edges(above[4 * blocks[0]], before[i:stop], low[i:stop], high[i:stop], blocks, edges)
            packed = rows[s * n_packed : (s + 1) * n_packed]
            strip(metric, weights, packed, panel, blocks, banded, above, edges, kept, at)
        _take_row(kept[at:], n_steps, stop - 1 - i, blocks, before[stop - 1], above[: n_columns + 1])
        _take_column(kept[at:], n_steps, n_columns - 1, blocks, base, right[i:stop])
    for j in range(n_columns):
        bottom[j] = base + above[j + 1]
    return bottom, right, kept, base
