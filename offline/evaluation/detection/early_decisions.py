"""Choose how early a sound is reported, where a report may be taken back.

What confirms a report is left as it was tuned, so what stands in the end is the same, told sooner. How low the
thresholds of the report may be, is decided by what they invent in hours without events.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine.detection.event_decoder import DecisionConfig, EventDecoder
from engine.detection.frame_clock import SOUND_RATE, STEP
from offline.evaluation.detection.sound_events_tuning import QuietScenes

__all__ = ["retracted_per_hour", "with_early_reports"]

LEVELS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 1.0)
CONFIRM = 30  # steps, 2 s: how long accumulated evidence may take to confirm a report


def with_early_reports(
    config: DecisionConfig, quiet: QuietScenes, classes: tuple[str, ...], allowed_per_hour: float
) -> DecisionConfig:
    """Return the decision with the lowest early thresholds whose retracted reports of a class are few enough.

    quiet: where no class sounds; a class that no level keeps quiet enough is not reported early
    """
    base = replace(config, confirm=CONFIRM)
    rates = [retracted_per_hour(replace(base, early=dict.fromkeys(classes, level)), quiet, classes) for level in LEVELS]
    early = {}
    for c, label in enumerate(classes):
        few = [level for level, rate in zip(LEVELS, rates, strict=True) if rate[c] <= allowed_per_hour]
        early[label] = min(few, default=1.0)
    return replace(base, early=early)


def retracted_per_hour(config: DecisionConfig, quiet: QuietScenes, classes: tuple[str, ...]) -> np.ndarray:
    """Return how often a report of each class is taken back in an hour of the quiet scenes."""
    decoder, n = EventDecoder(classes, config), np.zeros(len(classes))
    for of in quiet.steps:
        decoder.reset()
        np.add.at(n, [change.label for change in decoder.process(of) if change.retracted], 1)
    hours = quiet.steps.shape[0] * quiet.steps.shape[1] * STEP / SOUND_RATE / 3600
    out: np.ndarray = n / hours
    return out
