"""Thresholds are found where they are, and live figures are what one counts by hand."""

from __future__ import annotations

import numpy as np
import pytest

from engine.detection.event_decoder import DecisionConfig, Interval
from engine.detection.frame_clock import SOUND_RATE, STEP, step_begin
from offline.datasets.scenes import SceneSet, label_steps
from offline.evaluation.detection.sound_events_tuning import (
    QuietScenes,
    class_metrics,
    decision_metrics,
    step_edges_s,
    tune_decisions,
)

CLASSES = ("loud", "shy")


def scenes() -> tuple[SceneSet, np.ndarray]:
    """Thirty scenes, and what a network might say: sure of one class, but never above 0.4 of the other."""
    rng = np.random.default_rng(0)
    events, labels = {}, np.zeros((30, 100, 2), np.uint8)
    for i in range(30):
        first = (step_begin(int(rng.integers(5, 40))) / SOUND_RATE, step_begin(int(rng.integers(50, 80))) / SOUND_RATE)
        of = [Interval(t, t + 15 * STEP / SOUND_RATE, label) for t, label in zip(first, CLASSES, strict=True)]
        events[str(i)], labels[i] = of, label_steps(of, CLASSES, 100)
    outputs = labels * np.array([0.9, 0.4]) + (1 - labels) * np.array([0.3, 0.1])
    return SceneSet(CLASSES, np.zeros((30, 400, 128), np.float16), labels, events), outputs.astype(np.float32)


def test_thresholds_are_found() -> None:
    made, outputs = scenes()
    plain = decision_metrics(made, outputs)
    assert plain["clip_f1"] == pytest.approx(2 / 3)  # one class of two, always
    assert plain["event_f1"] == pytest.approx(0.5)
    tuned = tune_decisions(made, outputs, [DecisionConfig(median=median) for median in (3, 7)])
    assert tuned.events.thresholds is not None
    assert 0.3 < tuned.events.thresholds["loud"] <= 0.9
    assert 0.1 < tuned.events.thresholds["shy"] <= 0.4
    assert decision_metrics(made, outputs, tuned) == {
        "clip_f1": 1.0,
        "segment_f1": 1.0,
        "event_f1": 1.0,
        "psds_1": pytest.approx(1),  # it never had thresholds
        "psds_2": pytest.approx(1),
    }
    assert class_metrics(made, outputs, DecisionConfig())["loud"] == {"segment_f1": 1.0, "event_f1": 1.0}


def test_thresholds_suit_events_whose_lag_is_known() -> None:
    """A network that lags by five steps, 332 ms: too late for the collar of 200 ms, until that is known."""
    made, outputs = scenes()
    late = np.roll(outputs, 5, axis=1)
    late[:, :5] = outputs[:, -1:]
    assert decision_metrics(made, late)["event_f1"] == 0
    tuned = tune_decisions(made, late, [DecisionConfig(median=1)])
    assert (tuned.events.onset_lag, tuned.events.offset_lag) >= (2, 2)
    assert decision_metrics(made, late, tuned)["event_f1"] == 1.0


def test_thresholds_invent_no_more_than_they_may() -> None:
    """Where nothing sounds, the loud class is at 0.7 once in each scene: its threshold must be higher."""
    made, outputs = scenes()
    nothing = np.full((60, 100, 2), 0.05, np.float32)
    nothing[:, 50:60, 0] = 0.7
    base = DecisionConfig(median=3)
    free, bound = (tune_decisions(made, outputs, [base], q) for q in (None, QuietScenes(nothing, 1.0)))
    assert free.events.thresholds is not None
    assert bound.events.thresholds is not None
    assert free.events.thresholds["loud"] < 0.7 < bound.events.thresholds["loud"] <= 0.9
    assert bound.events.thresholds["shy"] == free.events.thresholds["shy"]
    rates = QuietScenes(nothing, 1.0).false_alarms(free.events, CLASSES)
    assert rates == pytest.approx([3600 / (100 * STEP / SOUND_RATE), 0])  # one in each scene of 6.6 s


def test_steps_lie_end_to_end() -> None:
    edges = step_edges_s(151)
    assert edges[0] == 0
    assert np.diff(edges[1:]) == pytest.approx(STEP / SOUND_RATE)
