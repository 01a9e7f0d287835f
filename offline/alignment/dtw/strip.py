"""Kernels of dynamic time warping: distances and recursion of one strip of rows.

D(i, j) = min(D(i-1, j-1) + a1 + m1 c, D(i-1, j) + a2 + m2 c, D(i, j-1) + a3 + m3 c), c = distance(x_i, y_j)
(Sakoe & Chiba 1978; Mueller, Information Retrieval for Music and Motion 2007, eq. 4.5).

Cells on an anti-diagonal are independent of each other. So a tile is cut into strips of 4 rows a lane; lane l works one
block of 4 columns behind lane l - 1: in one step every lane takes a block of 4 x 4 cells, whose distances are summed
up in registers over a slice of the features at a time that stays in the first-level cache. Columns lie in `panel`
backwards, so that what the lanes need in one step, blocks t, t - 1, t - 2, ..., is one vector.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from offline.alignment.dtw.simd import (
    LANES,
    add,
    approach,
    complete,
    fill,
    fma,
    least,
    load,
    put_lane,
    shift_in,
    store,
    within,
)

__all__ = ["CELLS", "CITYBLOCK", "COSINE", "EUCLIDEAN", "GROUP", "STRIP", "WIDTH", "n_steps_of", "place", "strip"]

Costs = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Marks = tuple[int, ...]  # whose length chooses the code that is compiled
Vector = Any  # of LANES float32: has no type outside kernels

COSINE, EUCLIDEAN, CITYBLOCK = 0, 1, 2
STRIP = 4 * LANES  # rows
CELLS = 16 * LANES  # cells of one step
GROUP = 16  # steps whose distances are found together
WIDTH = GROUP + LANES  # blocks that they need
SLICE = 32  # features at a time


@njit(nogil=True, cache=True)
def n_steps_of(n_columns: int) -> int:
    """Return the steps of a strip over n_columns: the last lane begins last."""
    return (n_columns + 3) // 4 + LANES - 1


@njit(nogil=True, cache=True)
def place(n_steps: int, i: int, j: int) -> int:
    """Return where D(i, j) lies in what `tile` has kept."""
    strip, row, block = i // STRIP, i % STRIP, j // 4
    return (strip * n_steps + block + row // 4) * CELLS + (4 * (row % 4) + j % 4) * LANES + row // 4


@njit(nogil=True, cache=True)
def _block(metric: Marks, rows: Costs, r: int, panel: Costs, at: int, n_features: int, costs: Costs, out: int, last: bool) -> None:  # fmt: skip  # noqa: E501
    """Add a slice of features to the sums of one step, 4 x 4 cells in every lane; the last makes them distances."""
    c00, c01 = load(costs, out), load(costs, out + LANES)
    c02, c03 = load(costs, out + 2 * LANES), load(costs, out + 3 * LANES)
    c10, c11 = load(costs, out + 4 * LANES), load(costs, out + 5 * LANES)
    c12, c13 = load(costs, out + 6 * LANES), load(costs, out + 7 * LANES)
    c20, c21 = load(costs, out + 8 * LANES), load(costs, out + 9 * LANES)
    c22, c23 = load(costs, out + 10 * LANES), load(costs, out + 11 * LANES)
    c30, c31 = load(costs, out + 12 * LANES), load(costs, out + 13 * LANES)
    c32, c33 = load(costs, out + 14 * LANES), load(costs, out + 15 * LANES)
    for _ in range(n_features):
        x0, x1 = load(rows, r), load(rows, r + LANES)
        x2, x3 = load(rows, r + 2 * LANES), load(rows, r + 3 * LANES)
        y = load(panel, at)
        c00, c10 = approach(metric, c00, x0, y), approach(metric, c10, x1, y)
        c20, c30 = approach(metric, c20, x2, y), approach(metric, c30, x3, y)
        y = load(panel, at + WIDTH)
        c01, c11 = approach(metric, c01, x0, y), approach(metric, c11, x1, y)
        c21, c31 = approach(metric, c21, x2, y), approach(metric, c31, x3, y)
        y = load(panel, at + 2 * WIDTH)
        c02, c12 = approach(metric, c02, x0, y), approach(metric, c12, x1, y)
        c22, c32 = approach(metric, c22, x2, y), approach(metric, c32, x3, y)
        y = load(panel, at + 3 * WIDTH)
        c03, c13 = approach(metric, c03, x0, y), approach(metric, c13, x1, y)
        c23, c33 = approach(metric, c23, x2, y), approach(metric, c33, x3, y)
        r += 4 * LANES
        at += 4 * WIDTH
    for c in (c00, c01, c02, c03, c10, c11, c12, c13, c20, c21, c22, c23, c30, c31, c32, c33):
        store(costs, out, complete(metric, c) if last else c)
        out += LANES


@njit(nogil=True, cache=True)
def _confine(costs: Costs, begin: int, end: int, low: Costs, high: Costs) -> None:
    """Make costs outside the band infinite; low, high (row in a lane, lane) float32."""
    out, never = 0, fill(np.float32(np.inf))
    for t in range(begin, end):
        for a in range(4):
            lower, upper = load(low, a * LANES), load(high, a * LANES)
            for b in range(4):
                place = np.float32(4 * t + b)
                store(costs, out, within(place, lower, upper, load(costs, out), never))
                out += LANES


@njit(nogil=True, cache=True)
def _cell(steps: Marks, w: tuple[Vector, ...], c: Vector, diagonal: Vector, up: Vector, left: Vector) -> Vector:
    """Run the recursion for one cell; the type of `steps` tells the weights: one zero for 1 and 0, two for any."""
    if len(steps) == 1:
        return add(c, least(least(diagonal, up), left))
    m1, m2, m3, a1, a2, a3 = w
    return least(least(fma(m1, c, add(diagonal, a1)), fma(m2, c, add(up, a2))), fma(m3, c, add(left, a3)))


@njit(nogil=True, cache=True)
def _advance(steps: Marks, weights: Costs, costs: Costs, begin: int, end: int, first: int, top: Costs, left: Costs, state: Costs, out: Costs, at: int) -> None:  # fmt: skip  # noqa: E501
    """Run the recursion from step `begin` to `end`; the strip began at step `first`.

    top: D above the strip, from the column before it on
    left: (5, lane) D before each lane's rows and the row above them
    state: what the lanes carry from step to step
    out: D (step, row in a lane, column in a block, lane)
    """
    w = (fill(weights[0]), fill(weights[1]), fill(weights[2]), fill(weights[3]), fill(weights[4]), fill(weights[5]))
    corner, p0, p1 = load(state, 0), load(state, LANES), load(state, 2 * LANES)
    p2, p3, l0 = load(state, 3 * LANES), load(state, 4 * LANES), load(state, 5 * LANES)
    l1, l2, l3 = load(state, 6 * LANES), load(state, 7 * LANES), load(state, 8 * LANES)
    k = 0
    for t in range(begin, end):
        corner = put_lane(t - first, load(left, 0), corner)
        l0, l1 = put_lane(t - first, load(left, LANES), l0), put_lane(t - first, load(left, 2 * LANES), l1)
        l2, l3 = put_lane(t - first, load(left, 3 * LANES), l2), put_lane(t - first, load(left, 4 * LANES), l3)
        t0, t1 = shift_in(p0, top[4 * t + 1]), shift_in(p1, top[4 * t + 2])
        t2, t3 = shift_in(p2, top[4 * t + 3]), shift_in(p3, top[4 * t + 4])
        v00 = _cell(steps, w, load(costs, k), corner, t0, l0)
        v01 = _cell(steps, w, load(costs, k + LANES), t0, t1, v00)
        v02 = _cell(steps, w, load(costs, k + 2 * LANES), t1, t2, v01)
        v03 = _cell(steps, w, load(costs, k + 3 * LANES), t2, t3, v02)
        v10 = _cell(steps, w, load(costs, k + 4 * LANES), l0, v00, l1)
        v11 = _cell(steps, w, load(costs, k + 5 * LANES), v00, v01, v10)
        v12 = _cell(steps, w, load(costs, k + 6 * LANES), v01, v02, v11)
        v13 = _cell(steps, w, load(costs, k + 7 * LANES), v02, v03, v12)
        v20 = _cell(steps, w, load(costs, k + 8 * LANES), l1, v10, l2)
        v21 = _cell(steps, w, load(costs, k + 9 * LANES), v10, v11, v20)
        v22 = _cell(steps, w, load(costs, k + 10 * LANES), v11, v12, v21)
        v23 = _cell(steps, w, load(costs, k + 11 * LANES), v12, v13, v22)
        v30 = _cell(steps, w, load(costs, k + 12 * LANES), l2, v20, l3)
        v31 = _cell(steps, w, load(costs, k + 13 * LANES), v20, v21, v30)
        v32 = _cell(steps, w, load(costs, k + 14 * LANES), v21, v22, v31)
        v33 = _cell(steps, w, load(costs, k + 15 * LANES), v22, v23, v32)
        for v in (v00, v01, v02, v03, v10, v11, v12, v13, v20, v21, v22, v23, v30, v31, v32, v33):
            store(out, at, v)
            at += LANES
        k += CELLS
        corner, p0, p1, p2, p3, l0, l1, l2, l3 = t3, v30, v31, v32, v33, v03, v13, v23, v33
    k = 0
    for v in (corner, p0, p1, p2, p3, l0, l1, l2, l3):
        store(state, k, v)
        k += LANES


@njit(nogil=True, cache=True)
def _distances(metric: int, rows: Costs, panel: Costs, begin: int, end: int, costs: Costs) -> None:
    """Compute the distances of the cells of some steps of one group, (step, row in a lane, column in a block, lane)."""
    g, n_features = begin // GROUP, len(rows) // STRIP
    costs[:] = 0.0
    for f in range(0, n_features, SLICE):
        width, last = min(SLICE, n_features - f), f + SLICE >= n_features
        r = f * STRIP
        for t in range(begin, end):
            at = (g * n_features + f) * 4 * WIDTH + GROUP - 1 - (t - g * GROUP)
            out = (t - begin) * CELLS
            if metric == COSINE:
                _block((0,), rows, r, panel, at, width, costs, out, last)
            elif metric == EUCLIDEAN:
                _block((0, 0), rows, r, panel, at, width, costs, out, last)
            else:
                _block((0, 0, 0), rows, r, panel, at, width, costs, out, last)


@njit(nogil=True, cache=True)
def strip(metric: int, weights: Costs, rows: Costs, panel: Costs, blocks: Ints, banded: bool, top: Costs, edges: Costs, out: Costs, at: int) -> None:  # fmt: skip  # noqa: E501
    """Compute D of one strip for the blocks of columns blocks[0] to blocks[1]; see `_advance`, `_strip_edges`."""
    first, last = blocks[0], blocks[1] + LANES - 1
    costs = np.empty(GROUP * CELLS, np.float32)
    state = np.full(9 * LANES, np.float32(np.inf))
    plain = weights[0] == weights[1] == weights[2] == 1.0 and weights[3] == weights[4] == weights[5] == 0.0
    for g in range(first // GROUP, (last - 1) // GROUP + 1):
        begin, end = max(g * GROUP, first), min((g + 1) * GROUP, last)
        _distances(metric, rows, panel, begin, end, costs)
        if banded:
            _confine(costs, begin, end, edges[5 * LANES :], edges[9 * LANES :])
        if plain:
            _advance((0,), weights, costs, begin, end, first, top, edges, state, out, at + begin * CELLS)
        else:
            _advance((0, 0), weights, costs, begin, end, first, top, edges, state, out, at + begin * CELLS)
