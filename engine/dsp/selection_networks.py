"""Selection networks: fixed lists of comparisons that find the median of an odd number of values.

A comparison (i, j) puts the smaller of the values i and j in place i, the larger in j. No branch depends on the data,
so compilers turn the list into vector minima and maxima, which compute many medians at a time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

__all__ = ["Comparison", "median_network", "operations"]


class Comparison(NamedTuple):
    """Compare the places i and j; keep only what later comparisons or the median need.

    i: place of the smaller value
    j: place of the larger value
    keep_small: whether the smaller value is needed
    keep_large: whether the larger value is needed
    """

    i: int
    j: int
    keep_small: bool
    keep_large: bool


def median_network(span: int) -> tuple[list[Comparison], int]:
    """Return the shorter of two networks for the median of `span` (odd) values, and the median's place.

    Batcher's merge exchange (Knuth, TAOCP 3, 5.2.2 M), without the comparisons that the median does not need; or
    forgetful selection, which starts from half the values and drops a smallest and a largest with every further one.
    """
    candidates = [
        (_pruned(_merge_exchange(span), span // 2), span // 2),
        (_pruned(*_forgetful(span)), _forgetful(span)[1]),
    ]
    return min(candidates, key=lambda candidate: operations(candidate[0]))


def operations(network: Iterable[Comparison]) -> int:
    """Count the minima and maxima of a network."""
    return sum(c.keep_small + c.keep_large for c in network)


def _merge_exchange(n: int) -> list[tuple[int, int]]:
    """Return all comparisons of Batcher's sort of n values."""
    pairs = []
    top = p = 1 << max(n - 1, 1).bit_length() - 1
    while p:
        q, r, d = top, 0, p
        while True:
            pairs += [(i, i + d) for i in range(n - d) if i & p == r]
            if q == p:
                break
            d, q, r = q - p, q // 2, p
        p //= 2
    return pairs


def _forgetful(n: int) -> tuple[list[tuple[int, int]], int]:
    """Return comparisons that select the median of n values, and the median's place."""
    fresh = min(n // 2 + 2, n)
    held = list(range(fresh))
    pairs: list[tuple[int, int]] = []
    while len(held) > 1:
        extremes = _extremes(held)
        pairs += extremes
        held = held[1:-1]
        if fresh < n:
            held, fresh = [*held, fresh], fresh + 1
    return pairs, held[0]


def _extremes(places: list[int]) -> list[tuple[int, int]]:
    """Return comparisons that move the smallest value to the first place and the largest to the last."""
    n = len(places)
    pairs = [(places[k], places[n - 1 - k]) for k in range(n // 2)]  # small half below, large half above
    pairs += [(places[0], places[k]) for k in range(1, (n + 1) // 2)]
    pairs += [(places[k], places[-1]) for k in range(n // 2, n - 1)]
    return pairs


def _pruned(pairs: list[tuple[int, int]], wanted: int) -> list[Comparison]:
    """Drop, from the last comparison back, those that the value in the place `wanted` does not depend on."""
    needed, kept = {wanted}, []
    for i, j in reversed(pairs):
        if i in needed or j in needed:
            kept.append(Comparison(i, j, i in needed, j in needed))
            needed |= {i, j}
    return kept[::-1]
