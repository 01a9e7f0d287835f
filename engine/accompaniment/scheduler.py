"""Decide when each onset of the accompaniment sounds, from what the follower reports: no input or output, no clock.

Between two onsets of the solo the accompaniment goes on at the soloist's pace; an onset that it shares with the solo
is played where it is predicted, or, where the prediction is too uncertain, when the solo has begun it. How it waits
for the solo is told in `engine.accompaniment.anticipation`. After a jump nothing is played until the place is
confirmed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from engine.accompaniment.anticipation import SAME_S, SLOWEST_S, Anticipation
from engine.accompaniment.config import SchedulerConfig
from engine.core.events import Event
from engine.score.score import Score

__all__ = ["SLOWEST_S", "Introduction", "Scheduled", "Scheduler"]


class Scheduled(NamedTuple):
    """An onset of the accompaniment that is fixed.

    onset: which of the accompaniment's
    at_s: when it sounds, seconds of input
    """

    onset: int
    at_s: float


class Introduction(NamedTuple):
    """How the accompaniment begins before the solo.

    start_s: when its first onset sounds, seconds of input
    pace: seconds for each second of the score's own tempo
    told: whether that is the soloist's wish; else the first notes of the solo set another
    endless: whether a loop goes on without a soloist until it is stopped
    """

    start_s: float = 0.5
    pace: float = 1.0
    told: bool = False
    endless: bool = False


class _Opening(NamedTuple):
    """How the accompaniment goes until the soloist enters.

    from_s, until_s: where it begins, and where the soloist is waited for, seconds of score
    start_s: when it begins, seconds of input
    pace: seconds for each second of score
    """

    from_s: float
    until_s: float
    start_s: float
    pace: float


class Scheduler:
    """Take the follower's events; fix the onsets of the accompaniment a little before they sound.

    solo: what is followed
    onset_quarter: onsets of the accompaniment, quarters of the same score, sorted
    sounding: those of them at which notes begin, None for all: a fermata lasts to the next note
    expected: the solo at the tempo that rehearsals let expect, None without any
    """

    def __init__(
        self,
        solo: Score,
        onset_quarter: np.ndarray,
        config: SchedulerConfig,
        intro: Introduction | None = None,
        sounding: np.ndarray | None = None,
        expected: Score | None = None,
    ) -> None:
        self.config, self._intro, self._score = config, intro or Introduction(), solo
        self._own_s = solo.seconds(onset_quarter)
        self._places_s: list[float] = self._own_s.tolist()  # for one at a time
        known = self._intro.told or bool(self._own_s[0] < solo.seconds(solo.onset_quarter)[0] - SAME_S)
        notes = onset_quarter if sounding is None else sounding
        self._sounds = np.isin(onset_quarter, notes)
        pace = self._intro.pace
        self._solo = Anticipation(solo, config, pace=pace, known=known, onset_quarter=notes, expected=expected)
        self.reset()

    def reset(self) -> None:
        """Reset to the initial state."""
        self._solo.reset()
        self._index = 0  # first onset of the accompaniment that is not fixed
        until_s = float(self._solo.solo_s[0])
        from_s = min(float(self._own_s[0]), until_s)
        self._opening = _Opening(from_s, until_s, self._intro.start_s, self._intro.pace)

    def succeed(self, other: Scheduler, quarter: float) -> None:
        """Take over from a scheduler of another score, at its time, latency and pace, and wait at a quarter."""
        self._solo.now_s, self.latency_s = other._solo.now_s, other.latency_s
        self.put_pace(other._solo.pace)
        self.go_to(quarter)

    def go_to(self, quarter: float, after_s: float = 0.0) -> None:
        """Wait for the soloist at a quarter; what is played there before he enters begins as an introduction does.

        after_s: so many seconds later
        """
        here_s, solo_s = float(self._score.seconds(quarter)), self._solo.solo_s
        until_s = float(solo_s[min(int(np.searchsorted(solo_s, here_s - SAME_S)), len(solo_s) - 1)])
        self._index = int(np.searchsorted(self._own_s, here_s - SAME_S))
        start_s = self._solo.now_s + self._intro.start_s + after_s
        self._opening = _Opening(here_s, until_s, start_s, self._solo.pace)
        self._solo.wait()

    def put_pace(self, pace: float) -> None:
        """Go on at this many seconds for each second of score, until the soloist plays at another."""
        opening, now_s = self._opening, self._solo.now_s
        if self._solo.now_at < 0 and now_s > opening.start_s:
            passed_s = (now_s - opening.start_s) / opening.pace
            opening = opening._replace(from_s=opening.from_s + passed_s, start_s=now_s)
        self._opening, self._solo.pace = opening._replace(pace=pace), pace

    @property
    def pace(self) -> float:
        """Return the seconds for each second of score at which the music goes now."""
        return self._solo.pace

    @property
    def start_s(self) -> float:
        """Return when what is played before the soloist enters begins, seconds of input, as it is heard."""
        return self._opening.start_s

    @property
    def latency_s(self) -> float:
        """Return seconds from a decision until it is heard, and from a sound until it is taken: played earlier."""
        return self._solo.latency_s

    @latency_s.setter
    def latency_s(self, seconds: float) -> None:
        self._solo.latency_s = seconds

    def gone_back_s(self) -> float:
        """Return by how many seconds of score a loop has gone back since this was asked last."""
        gone_back_s, self._solo.gone_back_s = self._solo.gone_back_s, 0.0
        return gone_back_s

    @property
    def interrupted(self) -> bool:
        """Return whether the place has jumped or was lost since `commit` was called last."""
        return self._solo.interrupted

    def take(self, event: Event) -> None:
        """Take one event of the follower, in order."""
        before_s, jumped = self._solo.gone_back_s, self._solo.take(event)
        if jumped:  # go on with the first onset of the accompaniment that is still ahead
            self._index = int(np.searchsorted(self._own_s, self._solo.here_s - SAME_S))
        elif self._solo.gone_back_s > before_s and not self.finished:
            place_s = self._own_s[self._index] - (self._solo.gone_back_s - before_s)
            self._index = int(np.searchsorted(self._own_s, place_s - SAME_S))

    @property
    def finished(self) -> bool:
        """Return whether every onset of the accompaniment is fixed or left out."""
        return self._index == len(self._own_s)

    def commit(self, now_s: float, step_s: float = 0.0) -> list[Scheduled]:
        """Return the onsets that are fixed now, each at `now_s` or later; call it every `step_s`."""
        self._solo.interrupted = False
        self._solo.now_s = now_s
        fixed: list[Scheduled] = []
        if self._solo.uncertain:
            return fixed
        if self._intro.endless and self._solo.now_at < 0:
            self._loop()
        while self._index < len(self._own_s):
            at_s = self._at(self._index)
            if at_s >= now_s + self.config.commit_s + step_s and at_s > now_s + self.config.commit_s:
                break
            if at_s >= now_s - self.config.late_s or not self._superseded(self._index):
                fixed.append(Scheduled(self._index, max(at_s, now_s + self.config.commit_s)))
            self._index += 1
        return fixed

    def _loop(self) -> None:
        """Where nobody is followed, go back from the last time that a loop is written out."""
        since_s, by_s = self._score.seconds(np.array(self._score.wrap))
        if by_s > 0 and not self.finished and self._own_s[self._index] >= since_s - SAME_S:
            place_s = float(self._own_s[self._index])
            self._opening = self._opening._replace(from_s=place_s - by_s, start_s=self._introduction(place_s))
            self._index = int(np.searchsorted(self._own_s, place_s - by_s - SAME_S))
            self._solo.gone_back_s += by_s

    def place(self, at_s: float) -> float:
        """Return the place that is heard at a moment where nobody is followed, seconds of score."""
        i = min(self._index, len(self._own_s) - 1)
        while i > 0 and self._heard_s(i) > at_s:
            i -= 1
        begin, begin_s = float(self._own_s[i]), self._heard_s(i)
        if at_s >= begin_s and i + 1 < len(self._own_s):
            length_s = self._heard_s(i + 1) - begin_s
            return begin + (at_s - begin_s) / length_s * float(self._own_s[i + 1] - self._own_s[i])
        return begin + (at_s - begin_s) / self.pace

    def _heard_s(self, onset: int) -> float:
        return self._at(onset) + self.latency_s

    def _at(self, onset: int) -> float:
        return self.time(self._places_s[onset])

    def _superseded(self, onset: int) -> bool:
        """Return whether the solo has passed an onset of the accompaniment, or the next note is due as well."""
        passed = self._own_s[onset] < self._solo.here_s - SAME_S
        if passed or not self._sounds[onset]:
            return True
        further = np.flatnonzero(self._sounds[onset + 1 :])
        return len(further) > 0 and self._at(onset + 1 + int(further[0])) <= self._solo.now_s + self.config.commit_s

    def time(self, score_s: float) -> float:
        """Return when to play a place of the score, in seconds of its own tempo; infinity if that is not known."""
        sounding_s = self._introduction(score_s) if self._solo.now_at < 0 else self._solo.time(score_s)
        return sounding_s - self.latency_s

    def _introduction(self, score_s: float) -> float:
        opening = self._opening
        if score_s > opening.until_s - SAME_S:
            return np.inf
        length_s = score_s - opening.from_s + self.config.fermata * self._solo.held(opening.from_s, score_s)
        return float(opening.start_s + length_s * opening.pace)
