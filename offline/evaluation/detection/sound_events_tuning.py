"""Metrics of a sound event network from its probabilities on scenes, and thresholds tuned on other scenes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from scipy.ndimage import median_filter

from engine.detection.event_decoder import DecisionConfig, EventDecoder
from engine.detection.frame_clock import SOUND_RATE, STEP, step_begin
from offline.datasets.scenes import SceneSet
from offline.detection.clip_decisions import Probabilities, clip_probabilities, detect, tag
from offline.evaluation.detection.psds import PSDS_1, PSDS_2, psds
from offline.evaluation.detection.sound_events import evaluate_sound_events, event_counts, macro_f1, segment_counts

__all__ = [
    "LOG_ODDS",
    "THRESHOLD_GRID",
    "QuietScenes",
    "TunedDecisions",
    "class_metrics",
    "decision_metrics",
    "step_edges_s",
    "tune_decisions",
    "with_best_lags",
    "with_raised_limits",
]

THRESHOLD_GRID = (*np.round(np.arange(0.05, 0.96, 0.05), 2).tolist(), 0.97, 0.98, 0.99)
PRICE = 0.05  # F1 that a false event per hour too many costs
LOG_ODDS = (2, 4, 8, 15, 30, 60, 0)  # from what is soon accumulated to none
LAGS = (
    ("onset_lag", "offset_lag"),
    ("onset_lag",),
    ("offset_lag",),
)  # both lags of an event must be right: first the same for both
MOST_LATE = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedDecisions:
    """Decisions tuned on validation data: for events, and for clips by class."""

    events: DecisionConfig
    tags: Mapping[str, float]


def step_edges_s(n_steps: int) -> np.ndarray:
    """Return where each of n_steps steps begins and the last one ends, seconds; not before 0."""
    return np.maximum([step_begin(k) / SOUND_RATE for k in range(n_steps + 1)], 0.0)


def decision_metrics(scenes: SceneSet, steps: Probabilities, tuned: TunedDecisions | None = None) -> dict[str, float]:
    """Return clip, segment and event F1 and both PSDS, 0 to 1, of probabilities (scene, step, class).

    Without `tuned` with the paper's decisions (0.5, median of 7). PSDS has no thresholds, but uses the median.
    """
    config = tuned.events if tuned else DecisionConfig()
    found = detect(scenes.names, steps, scenes.classes, config)
    tags = tag(scenes.names, steps, scenes.classes, tuned.tags if tuned else None)
    filtered = median_filter(steps, (1, config.median, 1), mode="constant")
    scores = dict(zip(scenes.names, filtered, strict=True))
    edges = step_edges_s(steps.shape[1])
    return {
        **evaluate_sound_events(scenes.events, found, scenes.classes, tags),
        "psds_1": psds(scenes.events, scores, edges, scenes.classes, PSDS_1),
        "psds_2": psds(scenes.events, scores, edges, scenes.classes, PSDS_2),
    }


def class_metrics(scenes: SceneSet, steps: Probabilities, config: DecisionConfig) -> dict[str, dict[str, float]]:
    """Return segment and event F1 of each class."""
    found = detect(scenes.names, steps, scenes.classes, config)
    segments = segment_counts(scenes.events, found, scenes.classes)
    events = event_counts(scenes.events, found, scenes.classes)
    return {label: {"segment_f1": segments[label].f1, "event_f1": events[label].f1} for label in scenes.classes}


@dataclass(frozen=True, slots=True)
class QuietScenes:
    """Probabilities (scene, step, class) where no class sounds, and how many false events per hour are allowed."""

    steps: Probabilities
    allowed_per_hour: float

    def false_alarms(self, config: DecisionConfig, classes: tuple[str, ...]) -> np.ndarray:
        """Return the false events of each class per hour by this decision."""
        decider, n = EventDecoder(classes, config), np.zeros(len(classes))
        for of in self.steps:
            decider.reset()
            np.add.at(n, [change.label for change in decider.process(of) if change.active], 1)
        hours = self.steps.shape[0] * self.steps.shape[1] * STEP / SOUND_RATE / 3600
        out: np.ndarray = n / hours
        return out


def tune_decisions(
    scenes: SceneSet, steps: Probabilities, choices: Sequence[DecisionConfig], quiet: QuietScenes | None = None
) -> TunedDecisions:
    """Return the one of `choices`, with thresholds for each class and lags, that is best on these scenes.

    Events count by the mean of segment and event F1, clips by their F1. The lag comes first: thresholds that suit
    events reported late are not those that suit the same events reported in time. For a choice with
    `accumulated_log_odds` the best ones of each class are tuned too.
    quiet: every false event per hour too many there costs `PRICE`
    """
    best: tuple[float, DecisionConfig] | None = None
    for choice in choices:
        config = with_best_lags(scenes, steps, choice)
        config = with_best_lags(scenes, steps, _limits(scenes, steps, config, quiet))
        value = float((_worth(scenes, steps, config) - _price(quiet, config, scenes.classes)).mean())
        if best is None or value > best[0]:
            best = value, config
    assert best is not None
    return TunedDecisions(events=best[1], tags=_tag_thresholds(scenes, steps))


def with_best_lags(scenes: SceneSet, steps: Probabilities, config: DecisionConfig) -> DecisionConfig:
    """Return the decision with the onset and offset lags of best event F1 on these scenes."""

    def value(one: DecisionConfig) -> float:
        return macro_f1(event_counts(scenes.events, detect(scenes.names, steps, scenes.classes, one), scenes.classes))

    for names in LAGS:
        choices = [replace(config, **dict.fromkeys(names, n)) for n in range(MOST_LATE + 1)]  # type: ignore[arg-type]
        config = max(choices, key=value)
    return config


def with_raised_limits(config: DecisionConfig, quiet: QuietScenes, classes: tuple[str, ...]) -> DecisionConfig:
    """Return the decision with higher limits for classes that are reported more often than `quiet` allows.

    For a network that has learned from the material of `quiet`, and is worse elsewhere. A class that no limit
    keeps quiet enough gets the highest.
    """
    for _ in THRESHOLD_GRID:
        loud = quiet.false_alarms(config, classes) > quiet.allowed_per_hour
        if not loud.any():
            break
        for label in np.array(classes)[loud].tolist():
            config = _raised(config, label)
    return config


def _raised(config: DecisionConfig, label: str) -> DecisionConfig:
    """Return the decision with the next higher threshold and evidence of one class; no evidence after the highest."""
    threshold = (config.thresholds or {}).get(label, config.threshold)
    needed = (config.log_odds_by_label or {}).get(label, config.accumulated_log_odds)
    threshold = next((limit for limit in THRESHOLD_GRID if limit > threshold), threshold)
    needed = next((float(limit) for limit in LOG_ODDS if limit > needed), 0.0) if needed else 0.0
    return replace(
        config,
        thresholds={**(config.thresholds or {}), label: threshold},
        log_odds_by_label={**(config.log_odds_by_label or {}), label: needed},
    )


def _limits(scenes: SceneSet, steps: Probabilities, base: DecisionConfig, quiet: QuietScenes | None) -> DecisionConfig:
    """Return the decision with the limits of each class that are best on these scenes, with few false events."""
    pairs = list(product(LOG_ODDS if base.accumulated_log_odds else [0], THRESHOLD_GRID))
    configs = [
        replace(base, accumulated_log_odds=e, threshold=t, log_odds_by_label=None, thresholds=None) for e, t in pairs
    ]
    worth = _shrunk(np.array([_worth(scenes, steps, config) for config in configs]))
    worth -= [_price(quiet, config, scenes.classes) for config in configs]
    best = dict(zip(scenes.classes, (pairs[k] for k in worth.argmax(0)), strict=True))
    needed_by_label = {label: float(e) for label, (e, _) in best.items()} if base.accumulated_log_odds else None
    return replace(
        base,
        accumulated_log_odds=0.0,
        log_odds_by_label=needed_by_label,
        thresholds={label: t for label, (_, t) in best.items()},
    )


def _worth(scenes: SceneSet, steps: Probabilities, config: DecisionConfig) -> np.ndarray:
    """Return the mean of segment and event F1 of each class."""
    of = class_metrics(scenes, steps, config)
    return np.array([np.nan_to_num(of[label]["segment_f1"] + of[label]["event_f1"]) / 2 for label in scenes.classes])


def _price(quiet: QuietScenes | None, config: DecisionConfig, classes: tuple[str, ...]) -> np.ndarray:
    """Return what is subtracted from the worth of each class for its false events."""
    if quiet is None:
        return np.zeros(len(classes))
    return PRICE * np.maximum(quiet.false_alarms(config, classes) - quiet.allowed_per_hour, 0)


def _shrunk(values: np.ndarray) -> np.ndarray:
    """Return the worth of thresholds (threshold, class), each class half by its own scenes and half by those of all.

    A class has few sources to be tuned on, so its best threshold there is often chance.
    """
    out: np.ndarray = (values + values.mean(axis=1, keepdims=True)) / 2
    return out


def _tag_thresholds(scenes: SceneSet, steps: Probabilities) -> dict[str, float]:
    clips, wanted = clip_probabilities(steps), np.asarray(scenes.steps).max(1).astype(bool)
    decided = clips[None] >= np.array(THRESHOLD_GRID)[:, None, None]
    hits = (decided & wanted).sum(1)
    f1 = 2 * hits / np.maximum(decided.sum(1) + wanted.sum(0), 1)
    return {label: THRESHOLD_GRID[k] for label, k in zip(scenes.classes, _shrunk(f1).argmax(0), strict=True)}
