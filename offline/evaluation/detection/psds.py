"""The exact polyphonic sound detection score: over every threshold that makes a difference, not over a chosen few.

Bilen et al., "A framework for the robust evaluation of sound event detection" (2020); Ebbers, Haeb-Umbach &
Serizel, "Threshold independent evaluation of sound event detection scores" (2022). Equal to sed_scores_eval.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.core.config import Settings, numbers, ranged
from engine.core.errors import ConfigError
from engine.detection.event_decoder import Interval

__all__ = ["PSDS_1", "PSDS_2", "PsdsConfig", "psds", "roc"]

Floats = npt.NDArray[np.float64]
HOUR_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PsdsConfig(Settings):
    """Intersection criteria, costs, and where the curve ends; rho, alpha and e as in the papers."""

    detection: float = ranged(0.7, 0, 1, "share of a detection that references must cover for it to count, rho_DTC")
    reference: float = ranged(0.7, 0, 1, "share of a reference that such detections must cover, rho_GTC")
    cross: float = ranged(
        0.3, 0, 1, "share of a false detection that another class covers in a cross trigger, rho_CTTC"
    )
    cross_cost: float = ranged(0.0, 0, 100, "cost of cross triggers, alpha_CT")
    spread_cost: float = ranged(1.0, 0, 100, "cost of the spread among classes, alpha_ST")
    most_an_hour: float = ranged(100.0, 1e-6, 1e6, "effective false positives where the curve ends, e_max", unit="1/h")


class Criteria(NamedTuple):
    """The shares of `PsdsConfig`, for the kernels."""

    detection: float
    reference: float
    cross: float


PSDS_1 = PsdsConfig()  # DCASE task 4, scenario 1: fast reaction
PSDS_2 = PsdsConfig(detection=0.1, reference=0.1, cross_cost=0.5)  # scenario 2: no confusion of classes


def psds(
    reference: Mapping[str, Sequence[Interval]],
    scores: Mapping[str, npt.NDArray[np.float32]],
    edges_s: Floats,
    classes: Sequence[str],
    config: PsdsConfig,
) -> float:
    """Return the score, 0 to 1.

    scores: (step, class) by file
    edges_s: (step + 1), where each step of the longest file begins and the last one ends
    Classes without a reference are left out of the mean. The duration of the data is that of all files' steps.
    """
    each = [roc(reference, scores, edges_s, classes, c, config) for c in range(len(classes))]
    curves = [curve for curve in each if curve is not None]
    if not curves:
        raise ConfigError("psds", expected="at least one reference event", got="none")
    at = np.unique(np.concatenate([[0.0], *(rate for rate, _ in curves)]))
    at = at[at <= config.most_an_hour]
    recall = np.stack([_staircase(curve, at) for curve in curves])
    effective = np.maximum(recall.mean(0) - config.spread_cost * recall.std(0), 0.0)
    widths = np.diff(np.append(at, config.most_an_hour))
    return float((effective * widths).sum() / config.most_an_hour)


def roc(
    reference: Mapping[str, Sequence[Interval]],
    scores: Mapping[str, npt.NDArray[np.float32]],
    edges_s: Floats,
    classes: Sequence[str],
    label: int,
    config: PsdsConfig,
) -> tuple[Floats, Floats] | None:
    """Return effective false positives per hour and recall of a class, by falling threshold; None if never sounding."""
    events = {name: _intervals(reference.get(name, ()), classes) for name in scores}
    wanted = sum(int((of[:, 2] == label).sum()) for of in events.values())
    if wanted == 0:
        return None
    criteria = numbers(Criteria, config)
    parts = [
        _changes(np.asarray(scores[name][:, label], np.float64), edges_s, of, label, len(classes), criteria)
        for name, of in events.items()
    ]
    thresholds, changes = (np.concatenate([p[i] for p in parts]) for i in (0, 1))
    order = np.argsort(-thresholds, kind="stable")
    counts = np.cumsum(changes[order], axis=0)
    last = np.append(np.diff(thresholds[order]) != 0, True)  # of equal thresholds
    counts = counts[last]
    hours = sum(edges_s[len(of)] - edges_s[0] for of in scores.values()) / HOUR_S
    sounding = _sounding_s(events.values(), len(classes))
    others = [k for k in range(len(classes)) if k != label and sounding[k] > 0]
    false = counts[:, 1] / hours
    if others and config.cross_cost:
        false = false + config.cross_cost * (counts[:, 2:][:, others] / (sounding[others] / HOUR_S)).mean(1)
    return false, counts[:, 0] / wanted


def _sounding_s(events: Iterable[Floats], n_classes: int) -> Floats:
    """Return the seconds that each class sounds."""
    seconds = np.zeros(n_classes)
    for of in events:
        np.add.at(seconds, of[:, 2].astype(int), of[:, 1] - of[:, 0])
    return seconds


def _staircase(curve: tuple[Floats, Floats], at: Floats) -> Floats:
    """Return the best recall of a curve at no more than `at` false positives per hour."""
    order = np.argsort(curve[0], kind="stable")
    rate, recall = curve[0][order], np.maximum.accumulate(curve[1][order])
    place = np.searchsorted(rate, at, side="right")
    return np.where(place > 0, recall[np.maximum(place - 1, 0)], 0.0)


def _intervals(events: Sequence[Interval], classes: Sequence[str]) -> Floats:
    """Return (event, [onset, offset, class])."""
    rows = [(e.onset_s, e.offset_s, classes.index(e.label)) for e in events if e.label in classes]
    return np.array(rows, np.float64).reshape(-1, 3)


@njit(nogil=True, cache=True)
def _changes(
    scores: Floats, edges: Floats, events: Floats, label: int, n_classes: int, criteria: Criteria
) -> tuple[Floats, Floats]:
    """Return every threshold of a file (its distinct scores, falling) and what it adds to the counts.

    Thresholds are (threshold), changes (threshold, [true positives, false positives, cross triggers by class]).
    """
    thresholds = np.unique(scores)[::-1]
    changes = np.zeros((len(thresholds), 2 + n_classes))
    before = np.zeros(2 + n_classes)
    for i in range(len(thresholds)):
        counts = _counts(scores, thresholds[i], edges, events, label, n_classes, criteria)
        changes[i] = counts - before
        before = counts
    return thresholds, changes


@njit(nogil=True, cache=True)
def _counts(
    scores: Floats, threshold: float, edges: Floats, events: Floats, label: int, n_classes: int, criteria: Criteria
) -> Floats:
    """Count detections of a class while its score is at the threshold or above: see `_changes`."""
    detection, reference, cross = criteria.detection, criteria.reference, criteria.cross
    counts = np.zeros(2 + n_classes)
    covered = np.zeros(len(events))
    own = np.zeros(n_classes)
    step = 0
    while step < len(scores):
        if scores[step] < threshold:
            step += 1
            continue
        begin = edges[step]
        while step < len(scores) and scores[step] >= threshold:
            step += 1
        end = edges[step]
        own[:] = 0.0
        for e in range(len(events)):
            own[int(events[e, 2])] += max(0.0, min(end, events[e, 1]) - max(begin, events[e, 0]))
        share = end - begin
        if own[label] >= detection * share:
            for e in range(len(events)):
                if events[e, 2] == label:
                    covered[e] += max(0.0, min(end, events[e, 1]) - max(begin, events[e, 0]))
            continue
        counts[1] += 1
        for k in range(n_classes):
            if k != label and own[k] >= cross * share and own[k] > 0:
                counts[2 + k] += 1
    for e in range(len(events)):
        if events[e, 2] == label and covered[e] >= reference * (events[e, 1] - events[e, 0]):
            counts[0] += 1
    return counts
