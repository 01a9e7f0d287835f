"""How well a frame of live features fits an event of the reference: log likelihood ratios, cheap enough for a band."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from engine.core.config import require

__all__ = ["LikelihoodConfig", "LikelihoodNumbers", "event_likelihoods", "likelihood_numbers"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LikelihoodConfig:
    """Weights of the evidence.

    sustain, onset: nats for a perfect fit, a frame of 12 ms and an onset; sustain_threshold, onset_threshold: the fit
    that says nothing, 0 to 1; onset_level: projection of the onset features that counts as a full onset;
    hush: nats lost by an event that comes when nothing at all begins, falling to 0 at a strength of hush_level;
    silence: level relative to the running peak below which what sounds says nothing.
    """

    sustain: float = 0.8
    sustain_threshold: float = 0.65
    onset: float = 10.0
    onset_threshold: float = 0.05
    onset_level: float = 1.3
    hush: float = 4.0
    hush_level: float = 0.5
    silence: float = 0.003

    def __post_init__(self) -> None:
        require("sustain", self.sustain, 0.0, 100.0)
        require("sustain_threshold", self.sustain_threshold, 0.0, 1.0)
        require("onset", self.onset, 0.0, 1000.0)
        require("onset_threshold", self.onset_threshold, 0.0, 1.0)
        require("onset_level", self.onset_level, 0.01, 100.0)
        require("hush", self.hush, 0.0, 1000.0)
        require("hush_level", self.hush_level, 0.01, 100.0)
        require("silence", self.silence, 0.0, 0.5)


class LikelihoodNumbers(NamedTuple):
    """`LikelihoodConfig` as the kernels take it."""

    sustain: float
    sustain_threshold: float
    onset: float
    onset_threshold: float
    onset_level: float
    hush: float
    hush_level: float
    silence: float


def likelihood_numbers(
    config: LikelihoodConfig, frame_s: float, compression: float, strength: float = 1.0
) -> LikelihoodNumbers:
    """The numbers for frames of so many seconds, features compressed so, and onsets so many times as strong."""
    return LikelihoodNumbers(
        config.sustain * frame_s / 0.0116,
        config.sustain_threshold,
        config.onset,
        config.onset_threshold,
        config.onset_level * strength,
        config.hush,
        config.hush_level * strength,
        float(np.log1p(compression * config.silence)),
    )


@njit(nogil=True, cache=True)
def _dot(a: Any, b: Any) -> Any:
    total = np.float32(0)
    for i in range(len(a)):
        total += a[i] * b[i]
    return total


@njit(nogil=True, cache=True)
def event_likelihoods(row: Any, reference: Any, first: Any, last: Any, numbers: Any, rings: Any) -> Any:
    """Write the evidence for events first to last (event 0: before the start) into rings; return the onset strength.

    row: features of one frame, what sounds (F), then what begins (G); reference: (sustain, onset) templates (event, F)
    and (event, G) of unit length; rings: sustain, the cosine between what sounds and the event, and onset, the cosine
    times the strength, each above its threshold, in nats; likeness, the bare cosine of the onset.
    """
    sustain, onset, likeness = rings
    n = reference[0].shape[1]
    sounds, begins = row[:n], row[n:]
    loudness, strength = np.sqrt(_dot(sounds, sounds)), np.sqrt(_dot(begins, begins))
    hush = numbers.hush * max(0.0, 1 - strength / numbers.hush_level)
    silent = loudness == 0 or sounds.max() < numbers.silence
    for event in range(first, last + 1):
        slot = event % len(sustain)
        sustain[slot], onset[slot], likeness[slot] = 0.0, 0.0, 0.0
        if event == 0:
            continue
        if not silent:
            fit = _dot(sounds, reference[0][event - 1]) / loudness
            sustain[slot] = numbers.sustain * (fit - numbers.sustain_threshold)
        projection = _dot(begins, reference[1][event - 1])
        full = min(projection / numbers.onset_level, 1.0)
        likeness[slot] = projection / (strength + 1e-9)
        onset[slot] = numbers.onset * (full * likeness[slot] - numbers.onset_threshold) - hush
    return strength
