"""Measure live detection: how soon a sound is reported after its onset, and how many reports are false."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from engine.core.events import Sound
from engine.detection.detector import SoundDetector
from engine.detection.event_decoder import Interval
from offline.run import collect_frames

__all__ = ["detect_streaming", "false_alarms_per_hour", "reaction_times_s"]

EARLY_S = 0.2  # a report of an instant this long before the onset still counts as this sound


def detect_streaming(detector: SoundDetector, audio: npt.NDArray[np.float32]) -> list[Sound]:
    """Return all events of a recording (sample, channel) at the detector's rate, flushed by silence."""
    events: list[Sound] = collect_frames(detector, audio)
    return events


def reaction_times_s(
    reference: Mapping[str, Sequence[Interval]], estimate: Mapping[str, Sequence[Sound]], sample_rate: int
) -> list[float]:
    """Return for each reference event that is reported the seconds from its true onset to the report.

    The report is the first onset of its label whose `at` lies within the event, or up to 0.2 s before it.
    """
    waits = []
    for name, events in reference.items():
        onsets = [e for e in estimate.get(name, ()) if e.active]
        for event in events:
            first, last = (event.onset_s - EARLY_S) * sample_rate, event.offset_s * sample_rate
            own = [e for e in onsets if e.label == event.label and first <= e.at <= last]
            if own:
                waits.append(min(e.emitted_at for e in own) / sample_rate - event.onset_s)
    return waits


def false_alarms_per_hour(events: Sequence[Sound], seconds: float) -> float:
    """Return onsets per hour in a recording of `seconds` in which none of the classes sounds."""
    return sum(e.active for e in events) * 3600 / seconds
