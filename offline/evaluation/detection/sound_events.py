"""Evaluate tags and sound events: clip, segment and event F1.

Mesaros, Heittola & Virtanen, "Metrics for polyphonic sound event detection" (2016), as sed_eval computes them.
References and estimates are events by file name: a file in only one of the two counts as missed or as false.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from engine.detection.event_decoder import Interval

__all__ = [
    "EventCounts",
    "clip_counts",
    "evaluate_sound_events",
    "event_counts",
    "macro_f1",
    "micro_f1",
    "segment_counts",
]

Events = Mapping[str, Sequence[Interval]]
Tags = Mapping[str, Iterable[str]]


class EventCounts(NamedTuple):
    """True positives, false negatives and false positives of one class."""

    true_positive: int = 0
    false_negative: int = 0
    false_positive: int = 0

    def __add__(self, other: EventCounts) -> EventCounts:  # type: ignore[override]
        return EventCounts(*(a + b for a, b in zip(self, other, strict=True)))

    @property
    def f1(self) -> float:
        """Return 2 TP / (2 TP + FP + FN); NaN if the class neither sounds nor is reported."""
        total = 2 * self.true_positive + self.false_negative + self.false_positive
        return 2 * self.true_positive / total if total else float("nan")


def micro_f1(counts: Mapping[str, EventCounts]) -> float:
    """Return F1 of all classes' counts together."""
    return sum(counts.values(), EventCounts()).f1


def macro_f1(counts: Mapping[str, EventCounts]) -> float:
    """Return the mean of the classes' F1; a class that neither sounds nor is reported is left out."""
    values = [c.f1 for c in counts.values()]
    return float(np.nanmean(values)) if not np.isnan(values).all() else float("nan")


def clip_counts(reference: Tags, estimate: Tags, classes: Sequence[str]) -> dict[str, EventCounts]:
    """Count clips in which a class sounds."""
    return _compared(_tagged(reference), _tagged(estimate), classes)


def segment_counts(
    reference: Events, estimate: Events, classes: Sequence[str], segment_s: float = 1.0
) -> dict[str, EventCounts]:
    """Count segments in which a class sounds at all."""
    return _compared(_segments(reference, segment_s), _segments(estimate, segment_s), classes)


def event_counts(
    reference: Events, estimate: Events, classes: Sequence[str], collar_s: float = 0.2, share: float = 0.2
) -> dict[str, EventCounts]:
    """Count events whose onset lies within the collar, and whose offset within the collar or a share of the length.

    The offset's tolerance is the larger of the two; references and estimates are paired so that most fit.
    """
    counts = dict.fromkeys(classes, EventCounts())
    for name in {**reference, **estimate}:
        for label in classes:
            wanted = [e for e in reference.get(name, ()) if e.label == label]
            found = [e for e in estimate.get(name, ()) if e.label == label]
            hits = _paired(wanted, found, collar_s, share)
            counts[label] += EventCounts(hits, len(wanted) - hits, len(found) - hits)
    return counts


def evaluate_sound_events(
    reference: Events, estimate: Events, classes: Sequence[str], tags: Tags | None = None
) -> dict[str, float]:
    """Return the paper's three metrics (section 4.3.2), 0 to 1.

    tags: clip-level decisions, else the labels of the events
    """
    decided = tags if tags is not None else {name: {e.label for e in of} for name, of in estimate.items()}
    present = {name: {e.label for e in of} for name, of in reference.items()}
    return {
        "clip_f1": micro_f1(clip_counts(present, decided, classes)),
        "segment_f1": micro_f1(segment_counts(reference, estimate, classes)),
        "event_f1": macro_f1(event_counts(reference, estimate, classes)),
    }


Cell = tuple[str, str, int]  # file, label, segment


def _tagged(tags: Tags) -> set[Cell]:
    return {(name, label, 0) for name, labels in tags.items() for label in labels}


def _segments(events: Events, segment_s: float) -> set[Cell]:
    return {
        (name, e.label, k)
        for name, of in events.items()
        for e in of
        for k in range(int(np.floor(e.onset_s / segment_s)), int(np.ceil(e.offset_s / segment_s)))
    }


def _compared(reference: set[Cell], estimate: set[Cell], classes: Sequence[str]) -> dict[str, EventCounts]:
    def tally(cells: set[Cell]) -> dict[str, int]:
        n = dict.fromkeys(classes, 0)
        for _, label, _ in cells:
            n[label] = n.get(label, 0) + 1
        return n

    hits, misses, inventions = (tally(x) for x in (reference & estimate, reference - estimate, estimate - reference))
    return {label: EventCounts(hits[label], misses[label], inventions[label]) for label in classes}


def _paired(wanted: list[Interval], found: list[Interval], collar_s: float, share: float) -> int:
    """Return the largest number of pairs, each event in one pair."""
    if not (wanted and found):
        return 0
    r, e = (np.array([(x.onset_s, x.offset_s) for x in events]) for events in (wanted, found))
    tolerance = np.maximum(collar_s, share * (r[:, 1] - r[:, 0]))[:, None]
    onset = np.abs(r[:, None, 0] - e[None, :, 0]) <= collar_s
    offset = np.abs(r[:, None, 1] - e[None, :, 1]) <= tolerance
    fits = onset & offset
    if 1 in fits.shape:
        return int(fits.any())
    return int((maximum_bipartite_matching(csr_array(fits)) >= 0).sum())
