"""Early thresholds are found where a network is soon half sure, and are given up where that invents sounds."""

from __future__ import annotations

import numpy as np

from engine.detection.event_decoder import DecisionConfig, EventDecoder, Interval
from engine.detection.frame_clock import SOUND_RATE, STEP, step_begin
from offline.datasets.scenes import SceneSet, label_steps
from offline.evaluation.detection.early_decisions import EarlyLimits, tune_early
from offline.evaluation.detection.sound_events_tuning import QuietScenes

BASE = DecisionConfig(median=1, alignment="causal", release=0.5, confirm=8)
CLASSES = ("dog",)


def scenes() -> tuple[SceneSet, np.ndarray]:
    """Each dog is half believed for five steps, then wholly, for ten more."""
    events, steps = {}, np.zeros((20, 100, 1), np.float32)
    for i in range(20):
        first = 10 + 3 * i
        begin, end = (step_begin(step) / SOUND_RATE for step in (first, first + 15))
        events[str(i)] = [Interval(begin, end, "dog")]
        steps[i, first : first + 5], steps[i, first + 5 : first + 15] = 0.45, 0.96
    labels = np.stack([label_steps(of, CLASSES, 100) for of in events.values()])
    return SceneSet(CLASSES, np.zeros((20, 400, 128), np.float16), labels, events), steps


def test_half_sure_is_told_and_taken_back_where_that_is_allowed() -> None:
    made, steps = scenes()
    quiet = np.zeros((40, 100, 1), np.float32)
    quiet[::4, 20:23] = 0.45  # ten blips in 40 * 100 steps: 135 an hour
    hour = QuietScenes(quiet, 0.0)
    free = tune_early(made, steps, hour, BASE, EarlyLimits(0, 1000))
    assert free.early is not None
    assert free.thresholds is not None
    assert free.early["dog"] <= 0.4
    assert 0.45 < free.thresholds["dog"] <= 0.95
    strict = tune_early(made, steps, hour, BASE, EarlyLimits(0, 0))
    assert strict.early is not None
    assert strict.early["dog"] > 0.45
    told = {}
    for name, config in (("free", free), ("strict", strict)):
        found = [EventDecoder(CLASSES, config).process(rows) for rows in (steps[0], quiet[0])]
        told[name] = found[0][0].known, [change.retracted for change in found[1]]
    assert told == {"free": (10, [False, True]), "strict": (15, [])}
    assert len(quiet) * 100 * STEP / SOUND_RATE < 3600
