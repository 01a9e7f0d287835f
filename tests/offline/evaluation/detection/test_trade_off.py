"""Decisions that are stricter or laxer as a whole."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.detection.event_decoder import DecisionConfig, EventDecoder
from offline.evaluation.detection.trade_off import moved_limits

CLASSES = ("bell", "dog")
TUNED = DecisionConfig(
    threshold=0.4,
    thresholds={"bell": 0.5, "dog": 0.9},
    early={"bell": 0.2, "dog": 1.0},
    log_odds_by_label={"bell": 4.0, "dog": 0.0},
    median=1,
    alignment="causal",
    reach=2,
)


def test_no_move_changes_nothing() -> None:
    same = moved_limits(TUNED, 0.0)
    assert same.levels(CLASSES) == pytest.approx(TUNED.levels(CLASSES))
    assert same.early_levels(CLASSES) == pytest.approx(TUNED.early_levels(CLASSES))
    assert list(same.needs(CLASSES)) == list(TUNED.needs(CLASSES))


def test_the_limits_move_in_log_odds() -> None:
    stricter = moved_limits(TUNED, math.log(3))
    assert stricter.thresholds == pytest.approx({"bell": 0.75, "dog": 27 / 28})
    assert stricter.threshold == pytest.approx(2 / 3)
    assert stricter.early == pytest.approx({"bell": 3 / 7, "dog": 1.0})  # what is never reported early stays so
    assert stricter.log_odds_by_label == pytest.approx({"bell": 4 + 2 * math.log(3), "dog": 0.0})
    assert moved_limits(TUNED, -9.0).log_odds_by_label == pytest.approx({"bell": 0.4, "dog": 0.0})


def test_stricter_decisions_report_fewer() -> None:
    rng = np.random.default_rng(0)
    steps = rng.uniform(0, 1, (400, 2)).astype(np.float32)
    plain = DecisionConfig(threshold=0.7, median=1, alignment="causal")
    begun = [
        sum(change.active for change in EventDecoder(CLASSES, moved_limits(plain, nats)).process(steps))
        for nats in (-1, 0, 1, 2)
    ]
    assert begun == sorted(begun, reverse=True)
    assert begun[0] > begun[-1]
