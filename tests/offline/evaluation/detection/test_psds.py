"""The polyphonic sound detection score on cases small enough to count by hand."""

from __future__ import annotations

import numpy as np
import pytest

from engine.core.errors import ConfigError
from engine.detection.event_decoder import Interval
from offline.evaluation.detection.psds import PSDS_1, PSDS_2, PsdsConfig, psds

EDGES_S = np.arange(11.0)  # ten steps of a second
HOURS = 10 / 3600


def scores(*columns: list[float]) -> np.ndarray:
    return np.array(columns, np.float32).T


def test_a_perfect_answer_is_1_and_none_is_0() -> None:
    reference = {"a": [Interval(2, 5, "dog"), Interval(6, 8, "cat")]}
    perfect = {"a": scores([0, 0, 1, 1, 1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 1, 1, 0, 0])}
    for config in (PSDS_1, PSDS_2):
        assert psds(reference, perfect, EDGES_S, ("dog", "cat"), config) == pytest.approx(1)


def test_always_on_is_worth_what_its_intersection_is() -> None:
    """A level score has one threshold, which turns everything on: 3 s and 2 s of 10 are over 10 %, not over 70 %."""
    reference = {"a": [Interval(2, 5, "dog"), Interval(6, 8, "cat")]}
    level = {"a": np.zeros((10, 2), np.float32)}
    assert psds(reference, level, EDGES_S, ("dog", "cat"), PSDS_1) == 0
    assert psds(reference, level, EDGES_S, ("dog", "cat"), PSDS_2) == pytest.approx(1)


def test_a_false_positive_before_the_hit_costs_its_share_of_the_axis() -> None:
    """The louder detection is false, so recall is 0 below 360 an hour (one in 10 s) and 1 from there on."""
    reference = {"a": [Interval(5, 7, "dog")]}
    answer = {"a": scores([0, 0.9, 0, 0, 0, 0.6, 0.6, 0, 0, 0])}
    config = PsdsConfig(most_an_hour=400, spread_cost=0)
    assert psds(reference, answer, EDGES_S, ("dog",), config) == pytest.approx((400 - 360) / 400)
    assert psds(reference, answer, EDGES_S, ("dog",), PSDS_1) == 0


def test_intersections_must_reach_their_shares() -> None:
    """A detection of 4 s that covers a reference of 3 s: 75 % of itself, all of the other."""
    reference = {"a": [Interval(2, 5, "dog")]}
    answer = {"a": scores([0, 0.9, 0.9, 0.9, 0.9, 0, 0, 0, 0, 0])}
    for detection, expected in ((0.74, 1.0), (0.76, 0.0)):
        config = PsdsConfig(detection=detection)
        assert psds(reference, answer, EDGES_S, ("dog",), config) == pytest.approx(expected)


def test_cross_triggers_cost_by_the_other_class_s_length() -> None:
    """A false dog inside 2 s of cat: one false positive in 10 s and half of one cross trigger in 2 s."""
    reference = {"a": [Interval(2, 4, "cat"), Interval(6, 8, "dog")]}
    dog = [0, 0, 0.9, 0.9, 0, 0, 0.5, 0.5, 0, 0]
    cat = [0, 0, 1.0, 1.0, 0, 0, 0, 0, 0, 0]
    config = PsdsConfig(cross_cost=0.5, spread_cost=0, most_an_hour=2000)
    step = 1 / HOURS + 0.5 * 1 / (2 / 3600)  # where the dog's recall rises
    expected = (step * 0.5 + (2000 - step) * 1.0) / 2000
    assert psds(reference, {"a": scores(cat, dog)}, EDGES_S, ("cat", "dog"), config) == pytest.approx(expected)


def test_spread_over_classes_costs() -> None:
    reference = {"a": [Interval(2, 4, "cat"), Interval(6, 8, "dog")]}
    answer = {"a": scores([0, 0, 1, 1, 0, 0, 0, 0, 0, 0], [0] * 10)}
    classes = ("cat", "dog")
    assert psds(reference, answer, EDGES_S, classes, PsdsConfig(spread_cost=0)) == pytest.approx(0.5)
    assert psds(reference, answer, EDGES_S, classes, PsdsConfig(spread_cost=0.5)) == pytest.approx(0.25)


def test_it_does_not_depend_on_the_scale_of_the_scores() -> None:
    rng = np.random.default_rng(0)
    reference = {str(i): [Interval(2, 5, "dog"), Interval(5.5, 9, "cat")] for i in range(20)}
    answer = {str(i): rng.random((10, 2)).astype(np.float32) for i in range(20)}
    for i in range(20):
        answer[str(i)][2:5, 0] += 0.9
    curved = {name: s**3 for name, s in answer.items()}
    config = PsdsConfig(spread_cost=0)
    first = psds(reference, answer, EDGES_S, ("dog", "cat"), config)
    assert 0.05 < first < 0.95
    assert psds(reference, curved, EDGES_S, ("dog", "cat"), config) == pytest.approx(first)


def test_without_a_reference_there_is_no_score() -> None:
    with pytest.raises(ConfigError, match="at least one reference event"):
        psds({}, {"a": np.zeros((10, 1), np.float32)}, EDGES_S, ("dog",), PSDS_1)
