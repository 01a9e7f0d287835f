"""Choose, class by class, when a sound is reported and when its report is taken back.

Each class has a threshold that reports it, one that confirms it, and a least duration. Of all that stay below the
false reports allowed in an hour without events (Neyman & Pearson: what may be false is given, what is found is made
most), the one is taken whose reports are most and soonest on scenes with events.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.detection.event_decoder import DecisionConfig, EventDecoder, Interval, SoundChange
from engine.detection.frame_clock import SOUND_RATE, STEP, step_begin
from offline.datasets.scenes import SceneSet
from offline.detection.clip_decisions import Probabilities
from offline.evaluation.detection.sound_events_tuning import QuietScenes

__all__ = ["EarlyChoice", "EarlyLimits", "detection_error_tradeoff", "tune_early"]

LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.8, 0.9, 0.95, 0.97, 0.99, 0.995)
LEAST = (0, 4, 8)  # steps
GAP = 24  # steps of silence between scenes: longer than any decision waits
EARLY_STEPS = 3  # a report so much before the onset still is of the sound: 0.2 s
SOON_S = 2.0  # a report so late is worth nothing
WRONG = 0.5  # what a false report in a scene costs, in sounds reported at once
STEP_S = STEP / SOUND_RATE


@dataclass(frozen=True, slots=True)
class EarlyLimits:
    """False reports of a class that are allowed in an hour without events: that stand, and that are taken back."""

    standing: float
    retracted: float


class EarlyChoice(NamedTuple):
    """A choice for one class, and what it brings.

    early, threshold, least: as in `DecisionConfig`
    told: share of the sounds that are told and stand
    worth: mean over sounds of how soon, 1 at once to 0 after SOON_S, less the cost of false reports
    standing, retracted: false reports in an hour of the quiet scenes
    """

    early: float
    threshold: float
    least: int
    told: float
    worth: float
    standing: float
    retracted: float


class _Line(NamedTuple):
    """Scenes one after another: probabilities (step, 1) of a class, and its events (event, [first, last]) in steps."""

    values: Probabilities
    events: npt.NDArray[np.float64]


def tune_early(
    scenes: SceneSet, steps: Probabilities, quiet: QuietScenes, base: DecisionConfig, limits: EarlyLimits
) -> DecisionConfig:
    """Return `base` with the thresholds of each class that are best within the limits; without, the highest."""
    chosen = {}
    for c, label in enumerate(scenes.classes):
        choices = list(detection_error_tradeoff(scenes, steps, quiet, base, c))
        within = [one for one in choices if one.standing <= limits.standing and one.retracted <= limits.retracted]
        fewest = min(one.standing + one.retracted for one in choices)
        within = within or [one for one in choices if one.standing + one.retracted == fewest]
        chosen[label] = max(within, key=lambda one: one.worth)
    return replace(
        base,
        accumulated_log_odds=0.0,
        log_odds_by_label=None,
        thresholds={label: one.threshold for label, one in chosen.items()},
        early={label: one.early for label, one in chosen.items()},
        least={label: one.least for label, one in chosen.items()},
    )


def detection_error_tradeoff(
    scenes: SceneSet, steps: Probabilities, quiet: QuietScenes, base: DecisionConfig, label: int
) -> Iterator[EarlyChoice]:
    """Yield every choice for a class with what it tells and what it invents."""
    name = scenes.classes[label]
    line = _line(steps[:, :, label], [scenes.events[each] for each in scenes.names], name)
    silence = _line(quiet.steps[:, :, label], (), name)
    hours = quiet.steps.shape[0] * quiet.steps.shape[1] * STEP_S / 3600
    for threshold in LEVELS:
        for early in (level for level in LEVELS if level <= threshold):
            for least in LEAST:
                config = replace(base, thresholds=None, threshold=threshold, early={name: early}, least={name: least})
                false = _reports(silence.values, config, name)
                told, worth = _worth(line, _reports(line.values, config, name))
                standing, retracted = (sum(taken == wanted for _, taken in false) / hours for wanted in (False, True))
                yield EarlyChoice(early, threshold, least, told, worth, standing, retracted)


def _line(values: Probabilities, events: Sequence[Sequence[Interval]], label: str) -> _Line:
    """Put scenes (scene, step) one after another, with silence between them."""
    n_steps = values.shape[1] + GAP
    padded = np.pad(np.asarray(values, np.float32), ((0, 0), (0, GAP))).reshape(-1, 1)
    rows = [
        [scene * n_steps + (second * SOUND_RATE - step_begin(0)) / STEP for second in (event.onset_s, event.offset_s)]
        for scene, of in enumerate(events)
        for event in of
        if event.label == label
    ]
    return _Line(padded, np.array(rows, np.float64).reshape(-1, 2))


def _reports(values: Probabilities, config: DecisionConfig, label: str) -> list[tuple[SoundChange, bool]]:
    """Return the reported beginnings, and whether they are taken back."""
    found: list[tuple[SoundChange, bool]] = []
    for change in EventDecoder((label,), config).process(values):
        if change.active:
            found.append((change, False))
        elif change.retracted:
            found[-1] = found[-1][0], True
    return found


def _worth(line: _Line, reports: Sequence[tuple[SoundChange, bool]]) -> tuple[float, float]:
    """Return the share of sounds that are told, and the worth."""
    at = np.array([(change.step, change.known) for change, taken in reports if not taken], np.float64).reshape(-1, 2)
    own = (at[None, :, 0] >= line.events[:, :1] - EARLY_STEPS) & (at[None, :, 0] <= line.events[:, 1:])
    waits = np.where(own, at[None, :, 1] - line.events[:, :1], np.inf).min(1, initial=np.inf) * STEP_S
    wrong = len(at) - int(own.any(0).sum())
    n = max(len(line.events), 1)
    return float(np.isfinite(waits).sum() / n), float((np.clip(1 - waits / SOON_S, 0, 1).sum() - WRONG * wrong) / n)
