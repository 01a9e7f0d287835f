"""Warp a live sequence of frames onto a reference as it comes, in linear time.

S. Dixon: An on-line time warping algorithm for tracking musical performances, IJCAI 2005. The cost of the best path to
the cells of a band is known along a row (the newest live frame) and a column (the newest reference frame); the cheapest
of these cells says whether the next row, the next column or both are computed.
A. Arzt, G. Widmer and S. Dixon: Automatic page turning for musicians via real-time machine listening, ECAI 2008, add a
path backwards from the present cell, and one forwards again from where it leads to.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from engine.core.arrays import F32, F64, I64
from engine.following.warping.config import WarpConfig

__all__ = [
    "OnlinePath",
    "Warp",
    "WarpNumbers",
    "follow_row",
    "frame_distance",
    "nearness",
    "new_warp",
    "restart_warp",
    "warp_numbers",
    "warp_online",
]

ROW, COLUMN, BOTH = 1, 2, 3  # what is computed next: a row is a live frame, a column one of the reference
STEEPEST = 3  # reference frames for a live one, at most, in a path backwards
FAINT, LOUD = 8.0, 10.0  # two frames whose sum is exp(-8) differ by nothing, from exp(2) on by their whole share
ROWS, COLUMNS, RUN, BEFORE, NEXT, ROW_0, COLUMN_0, BEST = range(8)  # places in `Warp.place`


class WarpNumbers(NamedTuple):
    """Constants of the search.

    start: live frames for which both directions are taken
    max_run, diagonal: see `WarpConfig`
    every: live frames between two searches backwards, 0 for none; back: live frames of such a search
    share: whether frames are compared by share, see `frame_distance`
    """

    start: int
    max_run: int
    diagonal: float
    every: int
    back: int
    share: bool = False


class Warp(NamedTuple):
    """State of the search.

    cost: (band, band) cost of the best path to a cell, at its live and its reference frame modulo the band; inf unknown
    near: (band, band) distance of the two frames of a cell
    live: (band, feature) the newest live frames, at their number modulo the band
    place: live and reference frames so far, steps in a row, direction of the last step, of the next, first live and
        reference frame of the path, best reference frame of the newest row
    scratch: (2, back + 1, band) costs backwards and forwards
    """

    cost: F64
    near: F32
    live: F32
    place: I64
    scratch: F64


class OnlinePath(NamedTuple):
    """What was found as each live frame came.

    met: (live frame) the reference frame that it meets
    known: (live frame) how many reference frames had been compared so far
    """

    met: I64
    known: I64


def warp_numbers(config: WarpConfig, frame_s: float) -> tuple[WarpNumbers, int]:
    """Return the constants for frames so many seconds apart, and the band in frames."""
    band = max(2, round(config.band_s / frame_s))
    start, every = round(config.start_s / frame_s), round(config.again_s / frame_s)
    back = min(max(1, round(config.back_s / frame_s)), band - 1)
    return WarpNumbers(start, config.max_run, float(config.diagonal), every, back, config.distance == "share"), band


def new_warp(band: int, n_features: int, back: int) -> Warp:
    """Return the state before the first frame."""
    warp = Warp(
        np.empty((band, band)),
        np.empty((band, band), np.float32),
        np.zeros((band, n_features), np.float32),
        np.zeros(8, np.int64),
        np.empty((2, back + 1, band)),
    )
    restart_warp(warp)
    return warp


def restart_warp(warp: Warp) -> None:
    """Return to the state before the first frame."""
    warp.cost[:] = np.inf
    warp.near[:] = 0
    warp.live[:] = 0
    warp.place[:] = 0
    warp.scratch[:] = np.inf


def warp_online(live: F32, reference: F32, numbers: WarpNumbers, band: int) -> OnlinePath:
    """Warp a whole sequence (frame, feature), one or more frames, as if it came live."""
    warp = new_warp(band, reference.shape[1], numbers.back)
    met = [(follow_row(warp, row, reference, numbers), int(warp.place[COLUMNS])) for row in live]
    return OnlinePath(*np.array(met, np.int64).T)


@njit(nogil=True, cache=True)
def follow_row(warp: Warp, row: F32, reference: F32, numbers: WarpNumbers) -> int:
    """Take one live frame (feature); return the reference frame that it meets, from 0."""
    place = warp.place
    _add_row(warp, row, reference, numbers)
    if place[ROWS] == 1:
        place[NEXT] = BOTH
        return 0
    direction = place[NEXT]
    if direction == BOTH:
        _add_column(warp, reference, numbers)
    _stepped(warp, direction, len(reference), numbers)
    while place[NEXT] == COLUMN:
        _add_column(warp, reference, numbers)
        _stepped(warp, COLUMN, len(reference), numbers)
    if numbers.every > 0 and place[ROWS] % numbers.every == 0 and place[ROWS] - place[ROW_0] > numbers.back:
        _search_again(warp, len(reference), numbers)
    return int(place[BEST])


@njit(nogil=True, cache=True)
def nearness(warp: Warp, met: int) -> float:
    """Return by which share the newest live frame is nearer to the one it meets than to the mean of the band."""
    place, band = warp.place, len(warp.cost)
    t, j = place[ROWS] - 1, place[COLUMNS] - 1
    first = max(0, j - band + 1)
    total = 0.0
    for k in range(first, j + 1):
        total += warp.near[t % band, k % band]
    mean = total / (j + 1 - first)
    return 1 - float(warp.near[t % band, met % band]) / mean if mean > 0 else 0.0


@njit(nogil=True, cache=True)
def _stepped(warp: Warp, direction: int, n_reference: int, numbers: WarpNumbers) -> None:
    """Count the step, and decide on the next: GetInc of the paper."""
    place = warp.place
    place[RUN] = place[RUN] + 1 if direction == place[BEFORE] else 1
    if direction != BOTH:
        place[BEFORE] = direction
    row, column = _cheapest(warp)
    last_row, last_column = place[ROWS] - 1, place[COLUMNS] - 1
    if place[COLUMNS] == n_reference:
        place[NEXT] = ROW
    elif place[ROWS] < numbers.start:
        place[NEXT] = BOTH
    elif place[RUN] > numbers.max_run:
        place[NEXT] = COLUMN if place[BEFORE] == ROW else ROW
    elif row < last_row:
        place[NEXT] = COLUMN
    elif column < last_column:
        place[NEXT] = ROW
    else:
        place[NEXT] = BOTH


@njit(nogil=True, cache=True)
def _cheapest(warp: Warp) -> tuple[int, int]:
    """Return the cell of the newest row and column with the least cost for its distance from the path's first cell.

    Also remembers the best of the row.
    """
    place, band = warp.place, len(warp.cost)
    t, j = place[ROWS] - 1, place[COLUMNS] - 1
    best, row, column = np.inf, t, j
    for k in range(max(0, j - band + 1), j + 1):
        cost = warp.cost[t % band, k % band] / _steps(place, t, k)
        if cost <= best:
            best, column = cost, k
    place[BEST] = column
    for i in range(max(0, t - band + 1), t):
        cost = warp.cost[i % band, j % band] / _steps(place, i, j)
        if cost < best:
            best, row, column = cost, i, j
    return row, column


@njit(nogil=True, cache=True)
def _steps(place: I64, t: int, j: int) -> int:
    """Return the length of any path to a cell, a diagonal step counted as two."""
    return max(t - place[ROW_0] + j - place[COLUMN_0] + 2, 1)


@njit(nogil=True, cache=True)
def _add_row(warp: Warp, row: F32, reference: F32, numbers: WarpNumbers) -> None:
    """Compute the cells of one more live frame."""
    place, band = warp.place, len(warp.cost)
    t = place[ROWS]
    place[ROWS] += 1
    warp.live[t % band] = row
    warp.cost[t % band] = np.inf
    j = max(place[COLUMNS], 1) - 1
    place[COLUMNS] = j + 1
    for k in range(max(0, j - band + 1), j + 1):
        _cell(warp, t, k, reference, numbers)


@njit(nogil=True, cache=True)
def _add_column(warp: Warp, reference: F32, numbers: WarpNumbers) -> None:
    """Compute the cells of one more reference frame, if there is one."""
    place, band = warp.place, len(warp.cost)
    if place[COLUMNS] == len(reference):
        return
    j = place[COLUMNS]
    place[COLUMNS] += 1
    warp.cost[:, j % band] = np.inf
    t = place[ROWS] - 1
    for i in range(max(0, t - band + 1), t + 1):
        _cell(warp, i, j, reference, numbers)


@njit(nogil=True, cache=True)
def _cell(warp: Warp, t: int, j: int, reference: F32, numbers: WarpNumbers) -> None:
    """Compute one cell: D(t, j) = min(D(t, j-1) + d, D(t-1, j) + d, D(t-1, j-1) + w d)."""
    place, cost, band = warp.place, warp.cost, len(warp.cost)
    d = frame_distance(warp.live[t % band], reference[j], numbers.share)
    warp.near[t % band, j % band] = d
    if t == place[ROW_0] and j == place[COLUMN_0]:
        cost[t % band, j % band] = d
        return
    least = np.inf
    rows, columns = t > max(0, place[ROWS] - band), j > max(0, place[COLUMNS] - band)
    if columns:
        least = cost[t % band, (j - 1) % band] + d
    if rows:
        least = min(least, cost[(t - 1) % band, j % band] + d)
    if rows and columns:
        least = min(least, cost[(t - 1) % band, (j - 1) % band] + numbers.diagonal * d)
    cost[t % band, j % band] = least


@njit(nogil=True, cache=True, fastmath=True)
def frame_distance(live: F32, reference: F32, share: bool) -> float:
    """Return the distance of two frames (feature): Euclidean, or by which share they differ.

    The share, of frames that are nowhere negative, is that of MATCH (Dixon & Widmer 2005; its authors' Vamp plugin):
    the sum of differences over the sum of both, less where both are faint, 0 for two empty frames.
    """
    total, whole = np.float32(0), np.float32(0)
    if not share:
        for f in range(len(reference)):
            difference = live[f] - reference[f]
            total += difference * difference
        return float(np.sqrt(total))
    for f in range(len(reference)):
        total += abs(live[f] - reference[f])
        whole += live[f] + reference[f]
    if whole <= 0:
        return 0.0
    return float(total / whole) * min(max((FAINT + np.log(whole)) / LOUD, 0.0), 1.0)


@njit(nogil=True, cache=True)
def _search_again(warp: Warp, n_reference: int, numbers: WarpNumbers) -> None:
    """Search the path backwards from the present cell, then forwards; where it ends elsewhere, go on from there."""
    place, band, back = warp.place, len(warp.cost), numbers.back
    t, y = place[ROWS] - 1, place[BEST]
    left = max(0, y - STEEPEST * back, place[COLUMNS] - band)
    before = y - _sweep(warp, (t, y), -1, y - left + 1, numbers)
    after = before + _sweep(warp, (t - back, before), 1, place[COLUMNS] - before, numbers)
    if after == y:
        return
    place[ROW_0], place[COLUMN_0] = t - back, before
    place[COLUMNS], place[BEST] = after + 1, after
    place[RUN], place[BEFORE], place[NEXT] = 1, 0, BOTH
    warp.cost[:] = np.inf
    for i in range(back + 1):
        for k in range(before, after + 1):
            warp.cost[(t - back + i) % band, k % band] = warp.scratch[1, i, k - before]
    if place[COLUMNS] == n_reference:
        place[NEXT] = ROW


@njit(nogil=True, cache=True)
def _sweep(warp: Warp, cell: tuple[int, int], sign: int, n_columns: int, numbers: WarpNumbers) -> int:
    """Return by how many reference frames the best path from a cell goes on within `back` live frames.

    sign: 1 forwards, -1 backwards; the costs are left in the scratch of that direction
    """
    back, band, costs = numbers.back, len(warp.cost), warp.scratch[1 if sign > 0 else 0]
    for i in range(back + 1):
        for k in range(n_columns):
            d = float(warp.near[(cell[0] + sign * i) % band, (cell[1] + sign * k) % band])
            least = d if i + k == 0 else np.inf
            if i:
                least = min(least, costs[i - 1, k] + d)
            if k:
                least = min(least, costs[i, k - 1] + d)
            if i and k:
                least = min(least, costs[i - 1, k - 1] + numbers.diagonal * d)
            costs[i, k] = least
    best, found = np.inf, 0
    for k in range(n_columns):
        cost = costs[back, k] / (back + k + 2)
        if cost < best:
            best, found = cost, k
    return found
