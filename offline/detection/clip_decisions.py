"""Turn probabilities of whole clips into tags and events, by the decisions of the live node."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import numpy.typing as npt

from engine.detection.event_decoder import DecisionConfig, EventDecoder, Interval
from engine.detection.frame_clock import SOUND_RATE, step_begin

__all__ = ["clip_probabilities", "detect", "intervals", "tag"]

Probabilities = npt.NDArray[np.float32]


def clip_probabilities(steps: Probabilities) -> Probabilities:
    """Pool probabilities over steps, the last axis but one: equation (1) of Boes & Van hamme (2021)."""
    pooled: Probabilities = (steps**2).sum(-2) / np.maximum(steps.sum(-2), 1e-7)
    return pooled


def tag(
    names: Iterable[str], steps: Probabilities, classes: tuple[str, ...], thresholds: Mapping[str, float] | None = None
) -> dict[str, set[str]]:
    """Tag clips of steps (clip, step, class): labels whose pooled probability reaches the threshold, by default 0.5."""
    levels = DecisionConfig(thresholds=thresholds).levels(classes)
    tagged = clip_probabilities(steps) >= levels
    return {name: {classes[i] for i in np.flatnonzero(row)} for name, row in zip(names, tagged, strict=True)}


def detect(
    names: Iterable[str], steps: Probabilities, classes: tuple[str, ...], config: DecisionConfig
) -> dict[str, list[Interval]]:
    """Find the events of clips of steps (clip, step, class); a sound that lasts to the end ends with the clip."""
    decoder = EventDecoder(classes, config)
    return {name: intervals(decoder, rows) for name, rows in zip(names, steps, strict=True)}


def intervals(
    decoder: EventDecoder, steps: Probabilities, begin_s: Callable[[int], float] | None = None
) -> list[Interval]:
    """Find the events of steps (step, class), without those that are retracted.

    begin_s: returns the instant where a step begins, seconds; by default of audio at 22.05 kHz
    """
    seconds = begin_s or _seconds
    decoder.reset()
    quiet = np.zeros((decoder.config.wait, steps.shape[1]), np.float32)
    begun: dict[int, int] = {}
    events = []
    for change in [*decoder.process(steps), *decoder.process(quiet)]:
        if change.active:
            begun[change.label] = change.step
        else:
            first = begun.pop(change.label)
            if change.retracted:
                continue
            events.append((first, max(change.step, first + 1), change.label))
    events += [(step, len(steps), label) for label, step in begun.items()]
    return sorted(
        Interval(seconds(first), seconds(min(last, len(steps))), decoder.classes[label])
        for first, last, label in events
        if first < len(steps)
    )


def _seconds(step: int) -> float:
    return max(0.0, step_begin(step) / SOUND_RATE)
