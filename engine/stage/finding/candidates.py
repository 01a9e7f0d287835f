"""What the paths tell: the likeliest pieces, each with its place, and how sure it is."""

from __future__ import annotations

from math import exp, log
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.core.arrays import F64, I64
from engine.stage.finding.paths import (
    BASE,
    BEGUN_S,
    DUE_S,
    ENTRY_S,
    EVENT,
    FULL,
    LATELY,
    LATELY_S,
    PERIOD,
    STEPS,
    TOTAL,
    VARIANCE,
    Paths,
)
from engine.stage.finding.piece_index import IndexedPiece
from engine.stage.finding.places import Places

__all__ = ["MOST", "Candidate", "candidates_of"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MOST = 3  # pieces that are told
NEAR = 3  # events; nearer ones are the same place
SAME_EVENTS = 4  # that another piece must share to be no rival
NOWHERE = -20.0  # total of what has no path, nats
ALIKE = 0.02  # quarters by which the steps of the same passage may differ
TEMPER = 4.0  # nats by which a piece is e times as likely as another
# Logistic regression on starts of pieces that are in the folder, and on as many of the same pieces when they are left
# out, shifted to four in five being in the folder; none of the starts is one that `benchmarks.finding` judges.
OFFSET = -5.15 + log(4.0)
BY_EXPLAINED, BY_LEAD, BY_PLACE_LEAD = 10.96, 0.217, 0.052
BY_TEMPO, BY_VARIANCE, BY_TUNING, BY_AGE = -1.73, -11.4, -1.25, -0.62
LITTLE = 25.0  # nats that a path could have gained; with less a share says little
LEAST_AGE_S = 0.05
MOST_LEAD = 20.0


class Candidate(NamedTuple):
    """A piece and its likeliest place.

    piece: where it is
    quarter: in its score, now
    confidence: probability that it is right
    lead: over other pieces, nats; of the likeliest, over what is not the same music so far
    place_lead: over other places of the piece that are not the same music, nats
    n_events: onsets heard of it
    explained: of what could have been gained over "nowhere" since its path began and shortly before, what it has gained
    tuning: number of the tuning it is found at
    """

    piece: IndexedPiece
    quarter: float
    confidence: float
    lead: float
    place_lead: float
    n_events: int
    explained: float
    tuning: int


def candidates_of(
    paths: Paths, places: Places, pieces: tuple[IndexedPiece, ...], editions: Ints, now_s: float
) -> list[Candidate]:
    """Return the likeliest pieces, at most `MOST`, none of them editions of one; the likeliest first."""
    events, tunings, totals, elsewhere, rivals = _likeliest(paths, places, editions)
    found: list[Candidate] = []
    for k, event, total, other in zip(tunings, events, totals, elsewhere, strict=True):
        if event < 0:
            break
        path = paths.rows[k, paths.row[k, event]]
        rival = rivals[0] if not found else totals[0]
        lead, place_lead = float(total - rival), float(total - other)
        explained = _explained(path, float(paths.gained[0]), now_s)
        sure = _confidence(path, explained, lead, place_lead, tuned=k != 0, now_s=now_s)
        quarter, piece = _quarter(path, places, int(event), now_s), pieces[places.piece[event]]
        found.append(Candidate(piece, quarter, sure, lead, place_lead, int(path[STEPS]), explained, int(k)))
    return _shared(found)


def _explained(path: Floats, gained: float, now_s: float) -> float:
    """Return the share of what could have been gained that a path has gained, of what was heard shortly before it too.

    A path through music that nobody knows begins late, with what happens to fit.
    """
    before = float(path[LATELY]) * exp(-(now_s - float(path[BEGUN_S])) / LATELY_S)
    return float(path[TOTAL] - path[BASE]) / (gained - float(path[FULL]) + before + LITTLE)


def _confidence(path: Floats, explained: float, lead: float, place_lead: float, *, tuned: bool, now_s: float) -> float:
    """Return how sure a piece is: the longer it has been heard, the more a wrong one has gained by chance."""
    logit = OFFSET + BY_EXPLAINED * explained + BY_TUNING * tuned
    logit += BY_LEAD * min(max(lead, 0.0), MOST_LEAD) + BY_PLACE_LEAD * min(max(place_lead, 0.0), MOST_LEAD)
    logit += BY_TEMPO * abs(float(path[PERIOD])) + BY_VARIANCE * float(path[VARIANCE])
    logit += BY_AGE * log(now_s - float(path[BEGUN_S]) + LEAST_AGE_S)
    return 1 / (1 + exp(-logit))


def _shared(found: list[Candidate]) -> list[Candidate]:
    """Give the others shares of what the likeliest leaves."""
    if len(found) < 2:
        return found
    weights = [exp(each.lead / TEMPER) for each in found[1:]]
    rest = min(1 - found[0].confidence, found[0].confidence)
    others = (each._replace(confidence=rest * w / sum(weights)) for each, w in zip(found[1:], weights, strict=True))
    return [found[0], *others]


def _quarter(path: Floats, places: Places, event: int, now_s: float) -> float:
    """Return where the path is now: on its way to the next event, at most there."""
    wait_s = max(float(path[DUE_S] - path[ENTRY_S]), 1e-3)
    share = min(max((now_s - float(path[ENTRY_S])) / wait_s, 0.0), 1.0)
    quarter = float(places.quarter[event])
    if event + 1 < places.first[places.piece[event] + 1]:
        quarter += share * float(places.quarter[event + 1] - quarter)
    return quarter


@njit(nogil=True, cache=True)
def _likeliest(paths: Paths, places: Places, editions: I64) -> tuple[I64, I64, F64, F64, F64]:
    """Return of the likeliest editions, at most `MOST`: event, -1 for none, tuning, total, best other place, and rival.

    Another piece that has been the same music for `SAME_EVENTS` is no rival: nobody could tell, and either is as good.
    """
    events, tunings = np.full(MOST, -1, np.int64), np.zeros(MOST, np.int64)
    totals, elsewhere, rivals = np.full(MOST, NOWHERE), np.full(MOST, NOWHERE), np.full(MOST, NOWHERE)
    for k in range(len(paths.n)):
        for i in range(paths.n[k]):
            _rank(events, tunings, totals, k, int(paths.rows[k, i, EVENT]), paths.rows[k, i, TOTAL], places, editions)
    for k in range(len(paths.n)):
        for i in range(paths.n[k]):
            event, total = int(paths.rows[k, i, EVENT]), paths.rows[k, i, TOTAL]
            for r in range(MOST):
                if events[r] < 0:
                    continue
                other = editions[places.piece[event]] != editions[places.piece[events[r]]]
                best = rivals if other else elsewhere
                if total <= best[r]:
                    continue
                likely = paths.rows[tunings[r], paths.row[tunings[r], events[r]]]
                heard = int(min(likely[STEPS], paths.rows[k, i, STEPS]))
                if (other and heard < SAME_EVENTS) or not _same(places, events[r], event, heard):
                    best[r] = total
    return events, tunings, totals, elsewhere, rivals


@njit(nogil=True, cache=True)
def _rank(
    events: I64, tunings: I64, totals: F64, k: int, event: int, total: float, places: Places, editions: I64
) -> None:
    """Put a path among the likeliest, of each edition the best."""
    edition, r = editions[places.piece[event]], len(events) - 1
    for j in range(len(events)):
        if events[j] >= 0 and editions[places.piece[events[j]]] == edition:
            r = j
            break
    if total <= totals[r]:
        return
    while r > 0 and totals[r - 1] < total:
        events[r], tunings[r], totals[r] = events[r - 1], tunings[r - 1], totals[r - 1]
        r -= 1
    events[r], tunings[r], totals[r] = event, k, total


@njit(nogil=True, cache=True)
def _same(places: Places, one: int, other: int, steps: int) -> bool:
    """Return whether two events are the same place, or what was heard up to them, `steps` events, is the same music.

    Of two paths through the same music one may be a few events behind the other.
    """
    if places.piece[one] == places.piece[other] and (places.bar[one] == places.bar[other] or abs(one - other) <= NEAR):
        return True
    for near in range(max(one - NEAR, 0), min(one + NEAR + 1, len(places.piece))):
        if places.piece[near] == places.piece[one] and _alike(places, near, other, steps):
            return True
    return False


@njit(nogil=True, cache=True)
def _alike(places: Places, one: int, other: int, steps: int) -> bool:
    """Return whether the last `steps` events up to both are the same music."""
    for i in range(steps):
        a, b = one - i, other - i
        if a < places.first[places.piece[one]] or b < places.first[places.piece[other]]:
            return False
        if places.onset[a] != places.onset[b]:
            return False
        if i > 0 and abs(_step(places, a) - _step(places, b)) > ALIKE:
            return False
    return True


@njit(nogil=True, cache=True)
def _step(places: Places, event: int) -> float:
    """Return the quarters from an event to the next."""
    return places.quarter[event + 1] - places.quarter[event]
