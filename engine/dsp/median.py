"""Exact running medians over time (rows) and frequency (bins), for any odd span.

Common spans run as generated straight-line code, all others as the same kind of selection network read from a table.
A span is passed to a kernel as `network(span)`: its type tells the compiler which code to use, so only spans in use
are compiled, and callers of `median_rows` and `median_bins` can be cached.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit, types
from numba.extending import overload

from engine.core.arrays import F32, I16
from engine.dsp.generated.median_networks import BINS, ROWS
from engine.dsp.selection_networks import median_network

__all__ = [
    "aligned",
    "median_bins",
    "median_rows",
    "network",
    "over_frequency",
    "over_time",
    "reflect",
    "row_stride",
]

Table = tuple[npt.NDArray[np.int16], npt.NDArray[np.float32]]
Network = tuple[int, ...] | Table
TILE = 128  # bins at a time when a network is read from a table: 99 rows of them fit the first-level cache
LINE = 64  # bytes of a cache line: rows aligned to one load 1.5 times as fast


def network(span: int) -> Network:
    """Return the argument that `median_rows` and `median_bins` take for an odd span of 1 or more.

    A common span is a tuple of that many zeros, whose type selects the code; any other is a table of comparisons (place
    of the smaller, of the larger), ended by (place of the median, span), with scratch memory to run it in.
    """
    if span in ROWS:
        return (0,) * span
    comparisons, middle = median_network(span)
    table = [(c.i, c.j) for c in comparisons]
    return np.array([*table, (middle, span)], np.int16), aligned(span, TILE)


def row_stride(n: int) -> int:
    """Return the row length, at least n, at which every float32 row of an `aligned` array starts a cache line."""
    return -(-n * 4 // LINE) * LINE // 4


def aligned(*shape: int) -> npt.NDArray[np.float32]:
    """Return zeros of this shape, aligned to a cache line."""
    n_bytes = 4 * int(np.prod(shape))
    store = np.zeros(n_bytes + LINE, np.uint8)
    start = -store.ctypes.data % LINE
    return store[start : start + n_bytes].view(np.float32).reshape(shape)


def median_rows(network: Any, rows: Any, out: Any) -> None:
    """Write the median of every column of `rows` (span, at least n) into `out` (n); for kernels only."""
    raise NotImplementedError


def median_bins(network: Any, padded: Any, out: Any) -> None:
    """Write the median of padded[i : i + span] for every i into `out` (n); for kernels only.

    padded: (n + span - 1)
    """
    raise NotImplementedError


@overload(median_rows)
def _median_rows(network, rows, out):  # type: ignore[no-untyped-def]  # numba compares the whole signature
    if isinstance(network, types.UniTuple):
        kernel = njit(nogil=True)(ROWS[len(network)])
        return lambda network, rows, out: kernel(rows, out)
    return lambda network, rows, out: _rows_by_table(network, rows, out)  # noqa: PLW0108  (numba wants Python)


@overload(median_bins)
def _median_bins(network, padded, out):  # type: ignore[no-untyped-def]  # numba compares the whole signature
    if isinstance(network, types.UniTuple):
        kernel = njit(nogil=True)(BINS[len(network)])
        return lambda network, padded, out: kernel(padded, out)
    return lambda network, padded, out: _bins_by_table(network, padded, out)  # noqa: PLW0108


@njit(nogil=True, cache=True)
def _apply(pairs: I16, tile: F32) -> None:
    """Run the comparisons on the rows of `tile` (span, TILE)."""
    for i, j in pairs:
        small, large = tile[i], tile[j]
        for k in range(TILE):
            a, b = small[k], large[k]
            small[k] = a if a < b else b
            large[k] = b if a < b else a


@njit(nogil=True, cache=True)
def _rows_by_table(network: Table, rows: F32, out: F32) -> None:
    table, tile = network
    middle, span = table[-1]
    for start in range(0, len(out), TILE):
        n = min(TILE, len(out) - start)
        for r in range(span):
            tile[r, :n] = rows[r, start : start + n]
        _apply(table[:-1], tile)
        out[start : start + n] = tile[middle, :n]


@njit(nogil=True, cache=True)
def _bins_by_table(network: Table, padded: F32, out: F32) -> None:
    table, tile = network
    middle, span = table[-1]
    for start in range(0, len(out), TILE):
        n = min(TILE, len(out) - start)
        for r in range(span):
            tile[r, :n] = padded[start + r : start + r + n]
        _apply(table[:-1], tile)
        out[start : start + n] = tile[middle, :n]


@njit(nogil=True, cache=True)
def reflect(values: F32, padded: F32) -> None:
    """Write `values` (n) into the middle of `padded`, mirrored about its ends: c b a | a b c | c b a."""
    n = len(values)
    half = (len(padded) - n) // 2
    padded[half : half + n] = values
    for i in range(half):  # the mirror images repeat beyond n
        k = i % (2 * n)
        k = k if k < n else 2 * n - 1 - k
        padded[half - 1 - i] = values[k]
        padded[half + n + i] = values[n - 1 - k]


@njit(nogil=True, cache=True)
def _over_time(network: Network, padded: F32, span: int, out: F32) -> None:
    for t in range(len(out)):
        median_rows(network, padded[t : t + span], out[t])


@njit(nogil=True, cache=True)
def _over_frequency(network: Network, values: F32, padded: F32, out: F32) -> None:
    for t in range(len(out)):
        reflect(values[t], padded)
        median_bins(network, padded, out[t])


def over_time(values: npt.NDArray[np.float32], span: int) -> npt.NDArray[np.float32]:
    """Return the centred running median of `values` (frame, bin) over `span` frames.

    Frames before the first and after the last count as 0.
    """
    n, n_bins = values.shape
    padded = aligned(n + span - 1, row_stride(n_bins))
    padded[span // 2 : span // 2 + n, :n_bins] = values
    out = np.empty((n, n_bins), np.float32)
    _over_time(network(span), padded, span, out)
    return out


def over_frequency(values: npt.NDArray[np.float32], span: int) -> npt.NDArray[np.float32]:
    """Return the centred running median of `values` (frame, bin) over `span` bins.

    The ends are mirrored as in `reflect`.
    """
    values = np.ascontiguousarray(values, np.float32)
    out = np.empty_like(values)
    _over_frequency(network(span), values, np.zeros(values.shape[1] + span - 1, np.float32), out)
    return out
