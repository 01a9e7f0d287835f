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
from offline.evaluation.detection.telling import soonest_decisions, telling_worth, waits_by_label

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


def test_being_told_is_worth_half_as_much_a_second_later() -> None:
    """Told by the step of its onset, 15 steps (one second) later, and never; one in three sounds each."""
    made, outputs = scenes()
    outputs[:, :, 0] = np.where(made.steps[:, :, 0] > 0, 0.9, 0.0)
    for row, labels in list(zip(outputs, made.steps, strict=True))[10:20]:
        row[np.flatnonzero(labels[:, 0])[:14], 0] = 0.0
    outputs[20:, :, 0] = 0.0
    config = DecisionConfig(median=1, alignment="causal")
    waits = waits_by_label(made, outputs, config)
    first, later = np.sort(waits["loud"])[[0, -1]]
    assert len(waits["loud"]) == 20 and len(waits["shy"]) == 0
    assert later - first == pytest.approx(14 * STEP / SOUND_RATE)
    wanted = (0.5**first + 0.5**later) / 3
    assert telling_worth(made, outputs, config) == pytest.approx([wanted, 0.0])


def test_the_limits_that_tell_soonest_invent_no_more_than_they_may() -> None:
    """Sounds rise to 0.6 and 0.9 after half a second; what invents at 0.7 forbids to tell by 0.6, in one class."""
    made, outputs = scenes()
    outputs = np.zeros_like(outputs)
    for row, labels in zip(outputs, made.steps, strict=True):
        for c in range(2):
            begin = np.flatnonzero(labels[:, c])[0]
            row[begin : begin + 8, c], row[begin + 8 : begin + 15, c] = 0.6, 0.9
    nothing = np.zeros((60, 100, 2), np.float32)
    nothing[:, 50:52, 0] = 0.7
    base = DecisionConfig(median=1, alignment="causal", accumulated_log_odds=1.0)
    tuned = soonest_decisions(made, outputs, [base], QuietScenes(nothing, 1.0))
    assert tuned.thresholds is not None and tuned.thresholds["loud"] > 0.7 and tuned.thresholds["shy"] <= 0.6
    assert not QuietScenes(nothing, 1.0).false_alarms(tuned, CLASSES).any()
    waits = waits_by_label(made, outputs, tuned)
    assert np.median(waits["loud"]) - np.median(waits["shy"]) == pytest.approx(8 * STEP / SOUND_RATE, abs=0.3)
    sealed = soonest_decisions(made, outputs, [base], QuietScenes(np.ones((2, 100, 2), np.float32), 0.0))
    assert sealed.thresholds == dict.fromkeys(CLASSES, 0.99)


def test_steps_lie_end_to_end() -> None:
    edges = step_edges_s(151)
    assert edges[0] == 0
    assert np.diff(edges[1:]) == pytest.approx(STEP / SOUND_RATE)
