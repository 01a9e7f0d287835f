"""Clip, segment and event F1 on cases counted by hand."""

from __future__ import annotations

import math

import pytest

from engine.detection.event_decoder import Interval
from offline.evaluation.detection.sound_events import (
    EventCounts,
    clip_counts,
    evaluate_sound_events,
    event_counts,
    macro_f1,
    micro_f1,
    segment_counts,
)

CLASSES = ("cat", "dog", "fan")
REFERENCE = {
    "a.wav": [Interval(1.0, 2.0, "dog"), Interval(4.0, 9.0, "fan")],
    "b.wav": [Interval(0.5, 0.8, "dog")],
    "quiet.wav": [],
}
ESTIMATE = {
    "a.wav": [Interval(1.15, 2.15, "dog"), Interval(4.1, 8.1, "fan")],
    "b.wav": [Interval(0.75, 0.9, "dog")],
    "quiet.wav": [Interval(3.0, 3.5, "cat")],
}


def test_events_by_hand() -> None:
    """a: both hit, the fan's offset within 20 % of 5 s; b: the onset is 250 ms late; quiet: an invented cat."""
    counts = event_counts(REFERENCE, ESTIMATE, CLASSES)
    assert counts == {"cat": EventCounts(0, 0, 1), "dog": EventCounts(1, 1, 1), "fan": EventCounts(1, 0, 0)}
    assert macro_f1(counts) == pytest.approx((0 + 0.5 + 1) / 3)
    assert micro_f1(counts) == pytest.approx(4 / 7)


def test_segments_by_hand() -> None:
    """Dog: 1 of 1 and an extra one in a, 1 in b; fan: 5 of 5; cat: 1 too many."""
    counts = segment_counts(REFERENCE, ESTIMATE, CLASSES)
    assert counts == {"cat": EventCounts(0, 0, 1), "dog": EventCounts(2, 0, 1), "fan": EventCounts(5, 0, 0)}
    assert micro_f1(counts) == pytest.approx(14 / 16)


def test_clips_by_hand() -> None:
    counts = clip_counts({"a": {"dog", "fan"}, "b": {"dog"}}, {"a": {"dog"}, "b": {"cat", "dog"}}, CLASSES)
    assert micro_f1(counts) == pytest.approx(4 / 6)


def test_pairs_are_chosen_so_that_most_fit() -> None:
    """The first estimate fits both references, the second only the first: greedy pairing would lose one."""
    reference = {"a": [Interval(1.0, 2.0, "dog"), Interval(1.3, 2.3, "dog")]}
    estimate = {"a": [Interval(1.15, 2.15, "dog"), Interval(0.85, 1.9, "dog")]}
    assert event_counts(reference, estimate, ("dog",))["dog"] == EventCounts(2, 0, 0)


def test_a_perfect_answer_and_none() -> None:
    perfect = evaluate_sound_events(REFERENCE, REFERENCE, CLASSES)
    assert perfect == {"clip_f1": 1.0, "segment_f1": 1.0, "event_f1": 1.0}
    assert set(evaluate_sound_events(REFERENCE, {}, CLASSES).values()) == {0.0}
    assert all(map(math.isnan, evaluate_sound_events({"quiet.wav": []}, {}, CLASSES).values()))
