"""Kernels of jump dynamic time warping: one live frame after another, for all places of the reference at once.

A(i, j)   least cost of everything up to live frame j, if it is now at reference frame i in a settled segment
Y_l(i, j) the same for a segment that began l frames ago, l <= L: it must be at least L frames long
W(i, j)   the same if reference frame i was played last and now something sounds that is not in the reference

A(i, j)   = c(i, j) + min(A(i - s, j-1) + h |s - 1|, W(i - s, j-1) for s = 0, 1), s = 0 ... 3; or Y_L(i, j)
Y_l(i, j) = c(i, j) + min(Y_{l-1}(i - s, j-1) + h |s - 1|)
Y_1(i, j) = c(i, j) + the cheapest way to begin a segment at i
W(i, j)   = e + min(W(i, j-1), A(i, j-1) + price of leaving the music)

After Fremerey, Mueller & Clausen 2010, "Handling repeats and jumps in score-performance synchronization", where blocks
of the score are known; here a jump may go from any place to any other.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

__all__ = ["BEFORE", "REST", "RESUMED", "SETTLED", "STAYED", "JumpPrices", "sweep", "young_path"]

Features = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

PAD = 3  # frames that one live frame may pass at most
SETTLED, RESUMED = 4, 5  # where A(i, j) came from: 0 to 3 a step, SETTLED a segment that began, RESUMED + 0 or 1 W
STAYED = 128  # W(i, j) came from W
BEFORE, MUSIC, REST = 0, 1, 2  # what was before a segment: nothing of the reference yet, A, or W


class JumpPrices(NamedTuple):
    """The prices of `JumpConfig`, in the unit of the distances."""

    jump: float
    leave: float
    elsewhere: float
    sway: float


@njit(nogil=True, cache=True)
def distances(metric: int, x: Features, y: Features, out: Floats) -> None:
    """Write the distances of all frames x (feature, frame), of length 1 for the cosine, to one frame y (feature)."""
    n_features, n = x.shape
    out[:] = 1.0 if metric == 0 else 0.0
    for f in range(n_features):
        row, value = x[f], y[f]
        if metric == 0:
            for i in range(n):
                out[i] -= row[i] * value
        elif metric == 1:
            for i in range(n):
                out[i] += (row[i] - value) * (row[i] - value)
        else:
            for i in range(n):
                out[i] += abs(row[i] - value)
    for i in range(n):
        out[i] = max(out[i], 0.0)
        out[i] = np.sqrt(out[i]) if metric == 1 else out[i]


@njit(nogil=True, cache=True)
def _step(before: Floats, costs: Floats, sway: float, out: Floats) -> None:
    """Advance by one live frame; before, out: (PAD + frame)."""
    for i in range(len(costs)):
        a, b = before[i + PAD] + sway, before[i + PAD - 1]
        c, d = before[i + PAD - 2] + sway, before[i + PAD - 3] + 2 * sway
        a = a if a < b else b
        c = c if c < d else d
        out[i + PAD] = costs[i] + (a if a < c else c)


@njit(nogil=True, cache=True)
def _step_back(before: Floats, best: Floats, sway: float, back: Bytes) -> None:
    """Write which step `_step` took into back (frame); best: its result without the costs."""
    for i in range(len(back)):
        step = 1
        step = 0 if before[i + PAD] + sway <= best[i] else step
        step = 2 if before[i + PAD - 2] + sway <= best[i] else step
        step = 3 if before[i + PAD - 3] + 2 * sway <= best[i] else step
        back[i] = 1 if before[i + PAD - 1] <= best[i] else step


@njit(nogil=True, cache=True)
def _least(values: Floats, first: int, stop: int) -> int:
    """Return where the least of values[first:stop] is."""
    best = first
    for i in range(first, stop):
        best = i if values[i] < values[best] else best
    return best


@njit(nogil=True, cache=True)
def _enter(
    begin: float, costs: Floats, general: float, link_costs: Floats, link_to: Ints, slack: int, out: Floats
) -> None:
    """Y_1: the cheapest way to begin a segment; begin: the cost at the first reference frames, nothing played yet."""
    n = len(costs)
    out[PAD:] = general
    for i in range(min(slack + 1, n)):
        out[PAD + i] = min(out[PAD + i], begin)
    for k in range(len(link_to)):
        for i in range(max(link_to[k] - slack, 0), min(link_to[k] + slack + 1, n)):
            out[PAD + i] = min(out[PAD + i], link_costs[k])
    for i in range(n):
        out[PAD + i] += costs[i]


@njit(nogil=True, cache=True)
def sweep(metric: int, x: Features, y: Features, prices: JumpPrices, least: int, links: Ints, link_prices: Floats, slack: int, back: Bytes, entries: Floats, sources: Ints) -> tuple[Floats, Floats]:  # fmt: skip  # noqa: E501
    """Run forward over all live frames; return A and W of the last one.

    x: (feature, reference frame), y: (live frame, feature) float32, of length 1 for the cosine
    least: L
    links: (link, 2) from and to; link_prices: of each
    back: written, (live frame, reference frame) uint8
    entries: written, (live frame, 1 + link), the cost of beginning a segment there by any jump and by each link
    sources: written, (live frame, 1 + link, 2), from what and from which reference frame
    """
    n, n_frames, n_links = x.shape[1], len(y), len(links)
    jump, leave, elsewhere, sway = prices.jump, prices.leave, prices.elsewhere, prices.sway
    settled, rest = np.full(n + PAD, np.inf), np.full(n + PAD, np.inf)
    after = np.full(n + PAD, np.inf)
    young = np.full((least, n + PAD), np.inf)
    costs, nothing = np.empty(n), np.zeros(n)
    for j in range(n_frames):
        distances(metric, x, y[j], costs)
        begin = j * elsewhere + (leave if j else 0.0)
        entries[j, 0], sources[j, 0, 0], sources[j, 0, 1] = j * elsewhere + jump, BEFORE, 0
        for kind, values, price in ((MUSIC, settled, jump), (REST, rest, jump - leave / 2)):
            k = _least(values, PAD, n + PAD)
            if values[k] + price < entries[j, 0]:
                entries[j, 0], sources[j, 0, 0], sources[j, 0, 1] = values[k] + price, kind, k - PAD
        for m in range(n_links):
            k = _least(settled, max(links[m, 0] - slack, 0) + PAD, min(links[m, 0] + slack + 1, n) + PAD)
            entries[j, m + 1], sources[j, m + 1, 0], sources[j, m + 1, 1] = settled[k] + link_prices[m], MUSIC, k - PAD
        for m in range(least - 1, 0, -1):
            _step(young[m - 1], costs, sway, young[m])
        _enter(begin, costs, entries[j, 0], entries[j, 1:], links[:, 1], slack, young[0])
        _step(settled, nothing, sway, after)
        _step_back(settled, after[PAD:], sway, back[j])
        for i in range(n - 1, -1, -1):  # W is not yet of this frame where it is read
            if rest[i + PAD] < after[i + PAD]:
                after[i + PAD], back[j, i] = rest[i + PAD], RESUMED
            if rest[i + PAD - 1] < after[i + PAD]:
                after[i + PAD], back[j, i] = rest[i + PAD - 1], RESUMED + 1
            after[i + PAD] += costs[i]
            if young[least - 1, i + PAD] < after[i + PAD]:
                after[i + PAD], back[j, i] = young[least - 1, i + PAD], SETTLED
            left = settled[i + PAD] + leave
            back[j, i] += STAYED if rest[i + PAD] <= left else 0
            rest[i + PAD] = elsewhere + min(rest[i + PAD], left)
        settled, after = after, settled
    return settled[PAD:], rest[PAD:]


@njit(nogil=True, cache=True)
def young_path(metric: int, x: Features, y: Features, sway: float, begin: float, general: float, link_costs: Floats, link_to: Ints, slack: int, last: int) -> Ints:  # fmt: skip  # noqa: E501
    """Return the reference frames of the first frames y of a segment whose last one is at reference frame `last`.

    Repeats the steps of `sweep` where they can lead to `last`.
    """
    n_frames, first = len(y), max(last - PAD * len(y), 0)
    n = last + 1 - first
    costs, nothing, ahead = np.empty(n), np.zeros(n), np.empty(n + PAD)
    now, after, back = np.full(n + PAD, np.inf), np.full(n + PAD, np.inf), np.zeros((n_frames, n), np.uint8)
    distances(metric, x[:, first : last + 1], y[0], costs)
    whole = np.zeros(x.shape[1])
    out = np.full(x.shape[1] + PAD, np.inf)
    _enter(begin, whole, general, link_costs, link_to, slack, out)
    now[PAD:] = out[PAD + first : PAD + last + 1] + costs
    for j in range(1, n_frames):
        distances(metric, x[:, first : last + 1], y[j], costs)
        _step(now, nothing, sway, ahead)
        _step_back(now, ahead[PAD:], sway, back[j])
        _step(now, costs, sway, after)
        now, after = after, now
    places = np.empty(n_frames, np.int64)
    places[-1] = last
    for j in range(n_frames - 1, 0, -1):
        places[j - 1] = places[j] - back[j, places[j] - first]
    return places
