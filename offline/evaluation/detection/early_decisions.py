"""Choose how early a sound is reported, where a report may be taken back.

What confirms a report is left as it was tuned, so what stands in the end is the same, told sooner. How low the
thresholds of the report may be, is decided by what they invent in hours without events.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine.detection.event_decoder import DecisionConfig, EventDecoder
from engine.detection.frame_clock import SOUND_RATE, STEP
from offline.detection.clip_decisions import Probabilities
from offline.evaluation.detection.sound_events_tuning import QuietScenes

__all__ = ["retracted_per_hour", "retracted_share", "with_early_reports"]

MOST_RETRACTED = 0.1  # of the reports of a class
LEVELS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 1.0)
CONFIRM = 30  # steps, 2 s: how long accumulated evidence may take to confirm a report


def with_early_reports(
    config: DecisionConfig,
    quiet: QuietScenes,
    classes: tuple[str, ...],
    allowed_per_hour: float,
    heard: Probabilities | None = None,
) -> DecisionConfig:
    """Return the decision with the lowest early thresholds whose retracted reports of a class are few enough.

    quiet: where no class sounds; a class that no level keeps quiet enough is not reported early
    heard: (scene, step, class) where the classes sound; a level is too low there, too, if more than `MOST_RETRACTED` of
        the reports of its class are retracted
    """
    base = replace(config, confirm=CONFIRM)
    configs = [replace(base, early=dict.fromkeys(classes, level)) for level in LEVELS]
    few = np.array([retracted_per_hour(one, quiet, classes) <= allowed_per_hour for one in configs])
    if heard is not None:
        few &= np.array([retracted_share(one, heard, classes) <= MOST_RETRACTED for one in configs])
    lowest = {
        label: min((lv for lv, ok in zip(LEVELS, few[:, c], strict=True) if ok), default=1.0)
        for c, label in enumerate(classes)
    }
    return replace(base, early=lowest)


def retracted_per_hour(config: DecisionConfig, quiet: QuietScenes, classes: tuple[str, ...]) -> np.ndarray:
    """Return how often a report of each class is taken back in an hour of the quiet scenes."""
    hours = quiet.steps.shape[0] * quiet.steps.shape[1] * STEP / SOUND_RATE / 3600
    out: np.ndarray = _reports(config, quiet.steps, classes)[1] / hours
    return out


def retracted_share(config: DecisionConfig, steps: Probabilities, classes: tuple[str, ...]) -> np.ndarray:
    """Return which share of the reports of each class is taken back."""
    begun, retracted = _reports(config, steps, classes)
    out: np.ndarray = retracted / np.maximum(begun, 1)
    return out


def _reports(config: DecisionConfig, steps: Probabilities, classes: tuple[str, ...]) -> np.ndarray:
    """Count the reports of each class, and those of them taken back: (2, class)."""
    decoder, n = EventDecoder(classes, config), np.zeros((2, len(classes)))
    for of in steps:
        decoder.reset()
        for change in decoder.process(of):
            n[0, change.label] += change.active
            n[1, change.label] += change.retracted
    return n
