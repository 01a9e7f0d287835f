"""Choose live limits by how soon sounds are told, among those that invent little where nothing sounds.

The operating point of a detection-error trade-off: inventions are bounded, and what is told is as much as that allows.
F1 does not choose, since a network that has learnt from the sources of the scenes is surer of them than of others: any
threshold suits them. How much is invented in sounds that it has not heard does not depend on that.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import numpy as np

from engine.core.events import Sound
from engine.detection.event_decoder import DecisionConfig, EventDecoder, SoundChange
from engine.detection.frame_clock import SOUND_RATE, step_begin, step_end
from offline.datasets.scenes import SceneSet
from offline.detection.clip_decisions import Probabilities
from offline.evaluation.detection.live_sound_events import reaction_times_s
from offline.evaluation.detection.sound_events_tuning import LOG_ODDS, THRESHOLD_GRID, QuietScenes, with_best_lags

__all__ = ["soonest_decisions", "telling_worth", "waits_by_label"]

HALF_S = 1.0  # the wait that halves what it is worth to be told
LEAST = 0.5  # probability: a class that is less likely than not is not told by its threshold
LIMITS = tuple((log_odds, level) for log_odds, level in product(LOG_ODDS, THRESHOLD_GRID) if level >= LEAST)


def soonest_decisions(
    scenes: SceneSet, steps: Probabilities, choices: Sequence[DecisionConfig], quiet: QuietScenes
) -> DecisionConfig:
    """Return the one of `choices`, with limits for each class and lags, that tells most of these scenes soonest.

    quiet: where no class sounds; limits that invent more than it allows are out. A class that none keeps quiet enough
        gets the highest threshold, and no log-odds
    """
    found = [_soonest_limits(scenes, steps, choice, quiet) for choice in choices]
    best = max(found, key=lambda one: float(telling_worth(scenes, steps, one).mean()))
    return with_best_lags(scenes, steps, best)


def _soonest_limits(scenes: SceneSet, steps: Probabilities, base: DecisionConfig, quiet: QuietScenes) -> DecisionConfig:
    """Return the decision with the limits of each class that tell it soonest, of those that are quiet enough."""
    plain = replace(base, log_odds_by_label=None, thresholds=None)
    configs = [replace(plain, accumulated_log_odds=float(needed), threshold=level) for needed, level in LIMITS]
    worth = np.array([telling_worth(scenes, steps, config) for config in configs])
    loud = np.array([quiet.false_alarms(config, scenes.classes) > quiet.allowed_per_hour for config in configs])
    chosen = np.where(loud, -1.0, worth).argmax(0)
    best = [(0, THRESHOLD_GRID[-1]) if loud[:, c].all() else LIMITS[k] for c, k in enumerate(chosen)]
    return replace(
        plain,
        accumulated_log_odds=0.0,
        log_odds_by_label={label: float(needed) for label, (needed, _) in zip(scenes.classes, best, strict=True)},
        thresholds={label: level for label, (_, level) in zip(scenes.classes, best, strict=True)},
    )


def telling_worth(scenes: SceneSet, steps: Probabilities, config: DecisionConfig) -> np.ndarray:
    """Return for each class the mean over its sounds of 1 when told at once, half as much each second later, 0 never.

    steps: (scene, step, class); the look-ahead of the network, the same for all decisions, is not counted
    """
    waits, n = waits_by_label(scenes, steps, config), Counter(e.label for of in scenes.events.values() for e in of)
    worth = {label: float((0.5 ** (np.maximum(waits[label], 0) / HALF_S)).sum()) / max(n[label], 1) for label in n}
    return np.array([worth.get(label, 0.0) for label in scenes.classes])


def waits_by_label(scenes: SceneSet, steps: Probabilities, config: DecisionConfig) -> dict[str, np.ndarray]:
    """Return by label the seconds from the onset of each sound that is told to its report."""
    decoder, waits = EventDecoder(scenes.classes, config), defaultdict[str, list[float]](list)
    for (name, true), rows in zip(scenes.events.items(), steps, strict=True):
        decoder.reset()
        told = {name: [_sound(change, scenes.classes) for change in decoder.process(rows)]}
        for label in {event.label for event in true}:
            waits[label] += reaction_times_s({name: [e for e in true if e.label == label]}, told, SOUND_RATE)
    return {label: np.array(waits[label]) for label in scenes.classes}


def _sound(change: SoundChange, classes: tuple[str, ...]) -> Sound:
    """Return a change as the event that the live node emits, at 22.05 kHz, without a look-ahead."""
    return Sound(
        at=max(0, step_begin(change.step)),
        emitted_at=step_end(change.known),
        label=classes[change.label],
        active=change.active,
        probability=change.probability,
        retracted=change.retracted,
    )
