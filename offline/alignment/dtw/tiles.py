"""Exact dynamic time warping in linear memory: divide and conquer over tiles, on all cores.

The matrix is cut into a grid of tiles. Forward, tile by tile along anti-diagonals, only the edges between tiles are
kept; back along the best path, only the tiles that it crosses are computed again, and cut once more where they are
large: Hirschberg's idea (1975) with a k-way grid, FastLSA (Driga et al. 2006). Tralie & Dempsey (2020) halve each time,
which computes every cell twice; here it is little more than once.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Semaphore
from typing import Protocol

import numpy as np
import numpy.typing as npt

from offline.alignment.dtw.kernels import pack_columns, pack_rows, tile
from offline.alignment.dtw.path import walk
from offline.alignment.dtw.strip import GROUP, STRIP, WIDTH

__all__ = ["Region", "Solved", "WarpTask", "available_threads", "solve_region"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Cell = tuple[int, int]
Scaled = tuple[npt.NDArray[np.float32], Floats]  # (frame, feature), (frame)

KEPT = 1 << 24  # cells of a region that is kept whole: 64 MiB; more than the smallest tile has
ROWS, COLUMNS = 150, 75  # rows and columns of tiles that a region is cut into, unless they would be smaller than:
LEAST_ROWS, LEAST_COLUMNS = 256, 2048  # of a tile, so that its edges do not cost more than its cells


class Packed:
    """What the kernel reads, from the second frame of both sequences on: the first ones are the edges of the matrix."""

    def __init__(self, x: Scaled, y: Scaled, weights: Floats) -> None:
        self._n_features = x[0].shape[1]
        self._rows, self._panel = pack_rows(x[0][1:], x[1][1:]), pack_columns(y[0][1:], y[1][1:])
        self.weights = weights.astype(np.float32)

    def rows_from(self, rows: slice) -> npt.NDArray[np.float32]:
        """Return the strips of some rows, the first of which begins a strip."""
        strips = slice((rows.start - 1) // STRIP, -(-(rows.stop - 1) // STRIP))
        out: npt.NDArray[np.float32] = self._rows[
            strips.start * STRIP * self._n_features : strips.stop * STRIP * self._n_features
        ]
        return out

    def columns_from(self, column: int) -> npt.NDArray[np.float32]:
        """Return the groups from a column on that begins one."""
        out: npt.NDArray[np.float32] = self._panel[(column - 1) // (4 * GROUP) * self._n_features * 4 * WIDTH :]
        return out


@dataclass(frozen=True, slots=True, kw_only=True)
class WarpTask:
    """What is warped: two sequences, the distance of their frames, and where the path may go.

    metric: COSINE, EUCLIDEAN or CITYBLOCK of `offline.alignment.dtw.strip`
    weights: m1, m2, m3, a1, a2, a3
    x, y: (frame, feature) float32
    scale_x, scale_y: (frame) float64
    low, high: (frame of x) int64, the frames of y that the band allows
    banded: whether there is a band
    n_threads: threads to use
    packed: the same for the kernel
    """

    metric: int
    weights: Floats
    x: npt.NDArray[np.float32]
    y: npt.NDArray[np.float32]
    scale_x: Floats
    scale_y: Floats
    low: Ints
    high: Ints
    banded: bool
    n_threads: int
    packed: Packed

    @property
    def frames(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], Floats, Floats]:
        """Return x, y and their scales."""
        return self.x, self.y, self.scale_x, self.scale_y


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Rows and columns of a task with the accumulated costs on two sides.

    rows, columns: frames of x and of y
    top: D above, from the column before the first on
    left: D before the first column
    """

    rows: range
    columns: range
    top: Floats
    left: Floats

    @property
    def n_cells(self) -> int:
        """Return rows times columns."""
        return len(self.rows) * len(self.columns)


class Solved(Protocol):
    """A region whose accumulated costs are known on the other two sides."""

    bottom: Floats
    right: Floats

    def trace(self, i: int, j: int, out: list[Ints]) -> Cell:
        """Append the cells of the best path from (i, j) back to the edge, last first; return the cell beyond it."""
        ...


def solve_region(task: WarpTask, region: Region) -> Solved:
    """Compute accumulated costs at the far sides of a region; the result can trace paths back through it."""
    return _Whole(task, region) if region.n_cells <= KEPT else _Grid(task, region)


def _run(task: WarpTask, region: Region, *, keep: bool) -> tuple[Floats, Floats, npt.NDArray[np.float32], float]:
    rows, first = slice(region.rows.start, region.rows.stop), region.columns.start
    low, high = task.low[rows] - first, task.high[rows] - first
    packed = task.packed.rows_from(rows), task.packed.columns_from(first)
    out: tuple[Floats, Floats, npt.NDArray[np.float32], float] = tile(
        task.metric, task.packed.weights, *packed, low, high, task.banded, region.top, region.left, keep
    )
    return out


class _Whole:
    """A region small enough to keep every cell."""

    def __init__(self, task: WarpTask, region: Region) -> None:
        self._task, self._region = task, region
        self.bottom, self.right, self._kept, self._base = _run(task, region, keep=True)

    def trace(self, i: int, j: int, out: list[Ints]) -> Cell:
        task, region = self._task, self._region
        i0, j0 = region.rows.start, region.columns.start
        rows, columns = slice(i0, region.rows.stop), slice(j0, region.columns.stop)
        frames = task.x[rows], task.y[columns], task.scale_x[rows], task.scale_y[columns]
        kept = region.top, region.left, self._kept, self._base
        cells, i, j = walk(task.metric, task.weights, *frames, *kept, i - i0, j - j0)
        out.append(cells + np.array([i0, j0]))
        return i + i0, j + j0


class _Grid:
    """A region cut into tiles, only the edges of which are kept."""

    def __init__(self, task: WarpTask, region: Region) -> None:
        self._task, self._region = task, region
        self._rows = _cut(region.rows, max(len(region.rows) // ROWS, LEAST_ROWS), STRIP)
        self._columns = _cut(region.columns, max(len(region.columns) // COLUMNS, LEAST_COLUMNS), 4 * GROUP)
        self._bottoms: dict[Cell, Floats] = {}  # of tiles that the band touches
        self._rights: dict[Cell, Floats] = {}
        self._forward()
        self.bottom = np.concatenate([self._bottom((len(self._rows) - 1, q)) for q in range(len(self._columns))])
        self.right = np.concatenate([self._right((p, len(self._columns) - 1)) for p in range(len(self._rows))])

    def trace(self, i: int, j: int, out: list[Ints]) -> Cell:
        region = self._region
        while i >= region.rows.start and j >= region.columns.start:
            p = _index(self._rows, i)
            q = _index(self._columns, j)
            part = self._tile((p, q), range(self._rows[p].start, i + 1), range(self._columns[q].start, j + 1))
            i, j = solve_region(self._task, part).trace(i, j, out)
        return i, j

    def _forward(self) -> None:
        """Solve row after row of tiles, each thread in a row of its own, never ahead of the row above."""
        ready = [Semaphore(0) for _ in self._rows]
        with ThreadPoolExecutor(self._task.n_threads) as pool:
            for _ in pool.map(lambda p: self._row(p, ready), range(len(self._rows))):
                pass  # an error in a row is raised here

    def _row(self, p: int, ready: list[Semaphore]) -> None:
        done = 0
        try:
            for q in range(len(self._columns)):
                if p:
                    ready[p - 1].acquire()
                self._solve_tile((p, q))
                ready[p].release()
                done += 1
        finally:  # even after an error, the row below must not wait for ever
            for _ in range(done, len(self._columns)):
                ready[p].release()

    def _solve_tile(self, at: Cell) -> None:
        rows, columns = self._rows[at[0]], self._columns[at[1]]
        if self._task.banded:
            part = slice(rows.start, rows.stop)
            inside = np.minimum(self._task.high[part], columns.stop) > np.maximum(self._task.low[part], columns.start)
            if not inside.any():
                return
        bottom, right, _, _ = _run(self._task, self._tile(at, rows, columns), keep=False)
        self._bottoms[at], self._rights[at] = bottom, right

    def _tile(self, at: Cell, rows: range, columns: range) -> Region:
        """Return the region of a tile or of its upper left part."""
        top = np.append(self._corner(at), self._bottom((at[0] - 1, at[1]))[: len(columns)])
        left = self._right((at[0], at[1] - 1))[: len(rows)]
        return Region(rows=rows, columns=columns, top=top, left=left)

    def _corner(self, at: Cell) -> float:
        p, q = at
        if q == 0:
            return float(self._region.top[0] if p == 0 else self._right((p - 1, -1))[-1])
        return float(self._bottom((p - 1, q - 1))[-1])

    def _bottom(self, at: Cell) -> Floats:
        columns = self._columns[at[1]]
        if at[0] < 0:
            first = self._region.columns.start - 1
            return self._region.top[columns.start - first : columns.stop - first]
        return self._bottoms[at] if at in self._bottoms else np.full(len(columns), np.inf)

    def _right(self, at: Cell) -> Floats:
        rows = self._rows[at[0]]
        if at[1] < 0:
            first = self._region.rows.start
            return self._region.left[rows.start - first : rows.stop - first]
        return self._rights[at] if at in self._rights else np.full(len(rows), np.inf)


def _cut(whole: range, size: int, unit: int) -> list[range]:
    """Return parts of about `size`, in whole units but for the last."""
    size = -(-size // unit) * unit
    return [range(start, min(start + size, whole.stop)) for start in range(whole.start, whole.stop, size)]


def _index(parts: list[range], k: int) -> int:
    return (k - parts[0].start) // len(parts[0])


def available_threads() -> int:
    """Return the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
