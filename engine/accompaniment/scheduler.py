"""Decide when each onset of the accompaniment sounds, from what the follower reports: no input or output, no clock.

Between two onsets of the solo the accompaniment goes on at the soloist's pace; an onset that it shares with the solo
is played where it is predicted, or, where the prediction is too uncertain, when the solo has begun it. It does not pass
an onset of the solo that has not come: that it has not come yet is information, and rests, fermatas and cadenzas wait
by it. Where the onset is long overdue and no fermata is written, the soloist has left it out: the accompaniment goes on
up to the onset after it. After a jump nothing is played until the place is confirmed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.accompaniment.config import SchedulerConfig
from engine.accompaniment.pace import Pace
from engine.core.events import Event, Onset, State
from engine.score.score import Score

__all__ = ["Introduction", "Scheduled", "Scheduler"]

Floats = npt.NDArray[np.float64]

SAME_S = 1e-4  # score positions closer than this are one onset, seconds of score
SAME_QUARTER = 1e-3
REST_S = 2.0  # a rest of the solo from which that nothing fits the score says nothing, seconds
SLOWEST_S = 0.15  # an onset that is reported later than this after it began is placed wrongly, and began later
SILENT = "lost"  # state in which nothing is played


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
    """

    start_s: float = 0.5
    pace: float = 1.0
    told: bool = False


class _Prediction(NamedTuple):
    """When an onset of the solo is expected."""

    onset: int
    due_s: float
    sd_s: float


class Scheduler:
    """Take the follower's events; fix the onsets of the accompaniment a little before they sound.

    solo: what is followed
    onset_quarter: onsets of the accompaniment, quarters of the same score, sorted
    sounding: those of them at which notes begin, None for all: a fermata lasts to the next note
    """

    def __init__(
        self,
        solo: Score,
        onset_quarter: np.ndarray,
        config: SchedulerConfig,
        intro: Introduction | None = None,
        sounding: np.ndarray | None = None,
    ) -> None:
        self.config, self._solo, self._intro = config, solo, intro or Introduction()
        self._solo_s = solo.seconds(solo.onset_quarter)
        self._own_s = solo.seconds(onset_quarter)
        self.latency_s = 0.0  # from a decision until it is heard, and from a sound until it is taken: played earlier
        known = self._intro.told or bool(self._own_s[0] < self._solo_s[0] - SAME_S)
        self._pace = Pace(config.pace_s, self._intro.pace, known=known)
        notes = onset_quarter if sounding is None else sounding
        self._sounds = np.isin(onset_quarter, notes)
        self._fermata_s, self._held_s = _fermatas(solo, notes)
        self._rest_s = _rests(solo)
        self.reset()

    def reset(self) -> None:
        """Reset to the initial state."""
        self._pace.reset()
        self._played_s: dict[int, float] = {}  # when each onset of the solo began
        self._now_at = -1  # onset of the solo that was heard last
        self._next: _Prediction | None = None
        self._index = 0  # first onset of the accompaniment that is not fixed
        self._unconfirmed = 0
        self._silent = False
        self._now_s = 0.0
        self.interrupted = False  # whether the place has jumped or was lost since `commit` was called last

    def take(self, event: Event) -> None:
        """Take one event of the follower, in order."""
        if isinstance(event, State):
            self._silent = event.name == SILENT
            self.interrupted |= self._silent and not self._resting(self._now_s)
        elif isinstance(event, Onset):
            index = int(np.searchsorted(self._solo.onset_quarter, event.quarter - 1e-3))
            if event.heard:
                self._begun(index, event.due_s)
            else:
                self._expect(_Prediction(index, event.due_s, event.sd_s))

    def _begun(self, index: int, at_s: float) -> None:
        before, self._now_at, self._next = self._now_at, index, None
        at_s = max(at_s, self._now_s - SLOWEST_S)
        self._played_s[index] = at_s
        self._unconfirmed = max(self._unconfirmed - 1, 0)
        if self._is_jump(before, index):
            self._jump(index)
        elif 0 <= before < index and not self._holds(before, index):
            self._pace.take(self._solo_s[index] - self._solo_s[before], at_s - self._played_s[before])

    def _expect(self, new: _Prediction) -> None:
        if new.onset - 1 != self._now_at:  # what was reported last is taken back
            before, self._now_at, self._next = self._now_at, new.onset - 1, None
            if self._is_jump(before, self._now_at):
                self._jump(self._now_at)
            step_s = (self._solo_s[new.onset] - self._solo_s[self._now_at]) * self._pace.ratio
            self._played_s.setdefault(self._now_at, new.due_s - step_s)
        kept = self._next
        if kept is None or kept.onset != new.onset or new.due_s < kept.due_s:
            self._next = new

    def _is_jump(self, before: int, index: int) -> bool:
        return before >= 0 and not 1 - self.config.jump <= index - before <= self.config.jump

    def _jump(self, index: int) -> None:
        """Go on with the first onset of the accompaniment that is still ahead."""
        self._index = int(np.searchsorted(self._own_s, self._solo_s[index] - SAME_S))
        self._unconfirmed = self.config.confirm - 1
        self._played_s = {at: at_s for at, at_s in self._played_s.items() if at == index}
        self.interrupted = True

    @property
    def finished(self) -> bool:
        """Return whether every onset of the accompaniment is fixed or left out."""
        return self._index == len(self._own_s)

    def commit(self, now_s: float, step_s: float = 0.0) -> list[Scheduled]:
        """Return the onsets that are fixed now, each at `now_s` or later; call it every `step_s`."""
        self.interrupted = False
        self._now_s = now_s
        fixed: list[Scheduled] = []
        if (self._silent and not self._resting(now_s)) or self._unconfirmed:
            return fixed
        while self._index < len(self._own_s):
            at_s = self._at(self._index)
            if at_s >= now_s + self.config.commit_s + step_s and at_s > now_s + self.config.commit_s:
                break
            if at_s >= now_s - self.config.late_s or not self._superseded(self._index):
                fixed.append(Scheduled(self._index, max(at_s, now_s + self.config.commit_s)))
            self._index += 1
        return fixed

    def _resting(self, now_s: float) -> bool:
        """Return whether the soloist has a long rest now, in which nothing has to fit the score."""
        following = self._next
        if following is None or self._now_at < 0 or now_s > following.due_s:
            return False
        return bool(self._rest_s[following.onset] * self._pace.ratio > REST_S)

    def _at(self, onset: int) -> float:
        return self.time(float(self._own_s[onset]))

    def _superseded(self, onset: int) -> bool:
        """Return whether the solo has passed an onset of the accompaniment, or the next note is due as well."""
        passed = self._now_at >= 0 and self._own_s[onset] < self._solo_s[self._now_at] - SAME_S
        if passed or not self._sounds[onset]:
            return True
        further = np.flatnonzero(self._sounds[onset + 1 :])
        return len(further) > 0 and self._at(onset + 1 + int(further[0])) <= self._now_s + self.config.commit_s

    def time(self, score_s: float) -> float:
        """Return when to play a place of the score, in seconds of its own tempo; infinity if that is not known."""
        return self._sounding(score_s) - self.latency_s

    def _sounding(self, score_s: float) -> float:
        if self._now_at < 0:
            return self._introduction(score_s)
        here, begun_s = self._solo_s[self._now_at], self._played_s[self._now_at]
        length_s = score_s - here + self.config.fermata * self._held(here, score_s)
        following = self._next
        if following is None or score_s < self._solo_s[following.onset] - SAME_S:
            return float(begun_s + length_s * self._pace.ratio + self.config.behind_s)
        return self._beyond(following, score_s, begun_s)

    def _introduction(self, score_s: float) -> float:
        if score_s > self._solo_s[0] - SAME_S:
            return np.inf
        first_s = min(self._own_s[0], self._solo_s[0])
        length_s = score_s - first_s + self.config.fermata * self._held(first_s, score_s)
        return float(self._intro.start_s + length_s * self._intro.pace)

    def _beyond(self, following: _Prediction, score_s: float, begun_s: float) -> float:
        """Return the time of the next onset of the solo, where it is certain; what lies beyond waits.

        Where the onset is overdue, return that of what lies before the onset after it.
        """
        due_s, after = max(following.due_s, begun_s), score_s - self._solo_s[following.onset]
        if self._holds(self._now_at, following.onset):
            return np.inf
        if self._now_s > following.due_s + self.config.hold_s:
            known = bool((score_s < self._solo_s[following.onset + 1 : following.onset + 2] - SAME_S).all())
        else:
            known = after <= SAME_S and following.sd_s <= self.config.wait_sd_s + self.latency_s  # waiting costs it
        return float(due_s + after * self._pace.ratio + self.config.behind_s) if known else np.inf

    def _held(self, begin_s: float, end_s: float) -> float:
        """Return the length of the notes under fermatas from one place up to another, seconds of score."""
        if not len(self._fermata_s):
            return 0.0
        first, last = np.searchsorted(self._fermata_s, (begin_s - SAME_S, end_s - SAME_S))
        return float(self._held_s[first:last].sum())

    def _holds(self, onset: int, following: int) -> bool:
        """Return whether there is a fermata between two onsets of the solo."""
        return self._held(self._solo_s[onset], self._solo_s[following]) > 0


def _fermatas(solo: Score, onset_quarter: np.ndarray) -> tuple[Floats, Floats]:
    """Return where fermatas are, and the lengths up to the next onset of anybody, seconds of score."""
    places = solo.fermata_quarter
    onsets = np.append(np.union1d(solo.onset_quarter, onset_quarter), solo.end_quarter)
    ends = onsets[np.minimum(np.searchsorted(onsets, places + SAME_QUARTER), len(onsets) - 1)]
    return solo.seconds(places), np.maximum(solo.seconds(ends) - solo.seconds(places), SAME_S)


def _rests(solo: Score) -> Floats:
    """Return (onset) for how long nobody of the solo has a note before it, seconds of score."""
    ends = np.maximum.accumulate(solo.note_quarter + solo.note_duration)
    before = np.searchsorted(solo.note_quarter, solo.onset_quarter - SAME_QUARTER) - 1
    rests = solo.seconds(solo.onset_quarter) - solo.seconds(ends[np.maximum(before, 0)])
    return np.where(before < 0, 0.0, np.maximum(rests, 0.0))
