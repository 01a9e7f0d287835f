"""What an accompaniment is compared with: the score's own tempo, and the follower's position carried on.

Both begin with the first onset of the solo that the follower reports. The first follows nothing from there on. The
second plays each onset when the newest position reaches it at its tempo: it knows no waiting and no uncertainty.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.core.events import Event, Onset, Position
from engine.score.score import Score

__all__ = ["FollowerLog", "carried_on", "score_tempo"]

COMMIT_S = 0.01  # an onset is fixed so long before it sounds
LATE_S = 0.3  # what is later is left out
BACK_QUARTERS = 1.0  # a position that goes back further has jumped

Rows = list[tuple[float, float]]


class _Place(NamedTuple):
    now_s: float
    at_s: float
    quarter: float
    bpm: float


class FollowerLog:
    """Keep what the follower says of a file; a `Watcher`."""

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self.first: tuple[float, float] | None = None  # quarter and second of the first onset that was heard
        self.places: list[_Place] = []  # from there on

    def on_event(self, event: Event) -> None:
        """Take an event of the pipeline."""
        if isinstance(event, Onset) and event.heard and self.first is None:
            self.first = (event.quarter, event.due_s)
        elif isinstance(event, Position) and self.first is not None:
            now_s, at_s = event.emitted_at / self._rate, event.at / self._rate
            self.places.append(_Place(now_s, at_s, event.quarter, event.tempo_bpm))

    def on_progress(self, now: int) -> None:
        """Take note of nothing."""

    def close(self) -> None:
        """Do nothing at the end."""


def score_tempo(log: FollowerLog, solo: Score, quarter: npt.NDArray[np.float64]) -> Rows:
    """Return (quarter, second) of the onsets at the score's tempo."""
    if log.first is None:
        return []
    begin_s = log.first[1] - float(solo.seconds(log.first[0]))
    return list(zip(quarter.tolist(), (begin_s + solo.seconds(quarter)).tolist(), strict=True))


def carried_on(log: FollowerLog, quarter: npt.NDArray[np.float64]) -> Rows:
    """Return (quarter, second) of the onsets where the newest position reaches them."""
    played: Rows = []
    onset, before = 0, np.inf
    for place, following in zip_longest(log.places, log.places[1:]):
        if place.quarter < before - BACK_QUARTERS:
            onset = int(np.searchsorted(quarter, place.quarter))
        before = place.quarter
        until_s = np.inf if following is None else following.now_s + COMMIT_S
        onset = _play(place, until_s, quarter, onset, played)
    return played


def _play(place: _Place, until_s: float, quarter: npt.NDArray[np.float64], onset: int, played: Rows) -> int:
    """Play what a position reaches before the next one comes; return the onset that is next."""
    while onset < len(quarter):
        at_s = place.at_s + (float(quarter[onset]) - place.quarter) * 60 / max(place.bpm, 1.0)
        if at_s > until_s:
            break
        if at_s > place.now_s - LATE_S:
            played.append((float(quarter[onset]), max(at_s, place.now_s + COMMIT_S)))
        onset += 1
    return onset
