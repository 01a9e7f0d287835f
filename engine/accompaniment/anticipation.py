"""Know where the soloist is and foresee when any place of the score comes, from what the follower reports.

No input or output, no clock. Between two onsets of the solo the music goes on at the soloist's pace; it does not pass
an onset of the solo that has not come: that it has not come yet is information, and rests, fermatas and cadenzas wait
by it. Where the onset is long overdue and no fermata is written, the soloist has left it out, and the music goes on up
to the onset after it. An onset that is reported long after it began was not heard to begin: the follower infers it, in
half of the cases before it is played. It is waited for a little longer.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.accompaniment.config import SchedulerConfig
from engine.accompaniment.tempo.calibration import Calibration
from engine.accompaniment.tempo.expectation import Expectation
from engine.accompaniment.tempo.pace import Pace
from engine.core.events import Event, Onset, State
from engine.score.score import Score

__all__ = ["SAME_S", "Anticipation"]

Floats = npt.NDArray[np.float64]

SAME_S = 1e-4  # score positions closer than this are one onset, seconds of score
SAME_QUARTER = 1e-3
REST_S = 2.0  # a rest of the solo from which that nothing fits the score says nothing, seconds
NEARLY = 8  # onsets before that from which a loop goes back: those between may not have been told
DOUBTS = 2.0  # standard deviations beyond which the end of a rest is overdue
SLOWEST_S = 0.15  # an onset that is reported later than this after it began is placed wrongly, and began later
INFERRED_S = 0.25  # an onset that is reported later than this after it began is inferred, not heard
MORE_S = 0.1  # for which it is waited then
SILENT = "lost"  # state in which the place is not known


class _Prediction(NamedTuple):
    """When an onset of the solo is expected."""

    onset: int
    due_s: float
    sd_s: float


class _Inferred(NamedTuple):
    """An onset of the solo that has not been heard, though the follower is past it; the music goes on at `from_s`."""

    onset: int
    from_s: float


class _Loop:
    """Where a loop goes back to an earlier time that it is written out: onset `first`, by `n` onsets; 0 for nowhere."""

    def __init__(self, solo: Score) -> None:
        since, by = solo.wrap
        self.first, target = np.searchsorted(solo.onset_quarter, np.array([since, since - by]) - SAME_QUARTER)
        self.n = int(self.first - target)

    def ahead(self, onset: int) -> bool:
        """Return whether one goes back from this onset."""
        return self.n > 0 and onset >= self.first

    def behind(self, onset: int, before: int) -> bool:
        """Return whether the follower has gone back between two onsets."""
        return self.n > 0 and before >= self.n and onset < before - self.n // 2 and before + NEARLY >= self.first


class Anticipation:
    """Take the follower's events; tell when a place of the score comes.

    solo: what is followed
    pace: how the soloist begins, seconds for each second of the score's own tempo
    known: whether the soloist knows that pace; else the first step sets it
    onset_quarter: onsets of others, sorted: a fermata lasts to the next note of anybody
    expected: the solo at the tempo that rehearsals let expect, None without any
    calibrated: whether predictions are corrected by how the soloist has kept to those before
    """

    def __init__(
        self,
        solo: Score,
        config: SchedulerConfig,
        *,
        pace: float = 1.0,
        known: bool = False,
        onset_quarter: np.ndarray | None = None,
        expected: Score | None = None,
        calibrated: bool = False,
    ) -> None:
        self.config, self._quarter = config, solo.onset_quarter
        self.solo_s = solo.seconds(solo.onset_quarter)  # where the solo's onsets lie, seconds of score
        self._places_s: list[float] = self.solo_s.tolist()  # the same, for one at a time
        self.latency_s = 0.0  # from a decision until it is heard, and from a sound until it is taken
        self._pace = Pace(config.pace_s, pace, known=known)
        self._expectation = Expectation(solo, expected)
        self._calibration = Calibration() if calibrated else None
        self._fermata_s, self._held_s = _fermatas(solo, np.empty(0) if onset_quarter is None else onset_quarter)
        self._rest_s = _rests(solo)
        self._loop = _Loop(solo)
        self.reset()

    def reset(self) -> None:
        """Reset to the initial state."""
        self._pace.reset()
        self._expectation.reset()
        if self._calibration is not None:
            self._calibration.reset()
        self._played_s: dict[int, float] = {}  # when each onset of the solo began
        self.now_at = -1  # onset of the solo that was heard last, -1 for none
        self._next: _Prediction | None = None
        self._inferred: _Inferred | None = None
        self.unconfirmed = 0  # onsets that have yet to confirm the place, after a jump
        self._silent = False
        self.now_s = 0.0  # seconds of input; whoever takes decisions sets it
        self.interrupted = False  # whether the place has jumped or was lost; whoever reads it clears it
        self.gone_back_s = 0.0  # seconds of score by which a loop went back; whoever reads it clears it

    @property
    def pace(self) -> float:
        """Return the soloist's seconds for each second of score; it may be set, until he plays another."""
        return self._pace.ratio

    @pace.setter
    def pace(self, ratio: float) -> None:
        self._pace.put(ratio)

    def wait(self) -> None:
        """Forget where the soloist was: he is waited for at a place of his own choice."""
        self._played_s, self.now_at, self._next, self._inferred = {}, -1, None, None
        self.unconfirmed, self._silent, self.interrupted = 0, False, True

    @property
    def here_s(self) -> float:
        """Return the place of the onset that was heard last, seconds of score; -infinity before the first."""
        return float(self.solo_s[self.now_at]) if self.now_at >= 0 else -np.inf

    @property
    def lost(self) -> bool:
        """Return whether the place is not known; in a long rest nothing has to fit it."""
        return self._silent and not self._resting()

    @property
    def uncertain(self) -> bool:
        """Return whether the place is lost or not confirmed yet."""
        return self.lost or self.unconfirmed > 0

    def take(self, event: Event) -> bool:
        """Take one event of the follower, in order; return whether the place has jumped."""
        if isinstance(event, State):
            self._silent = event.name == SILENT
            self.interrupted |= self._silent and not self._resting()
        elif isinstance(event, Onset):
            index = int(np.searchsorted(self._quarter, event.quarter - SAME_QUARTER))
            if self._loop.behind(index, self.now_at):
                self._go_back()
            if self._infers(index, event):
                return False
            if not event.heard:
                return self._expect(_Prediction(index, event.due_s, event.sd_s))
            jumped = self._begun(index, event.due_s)
            if self._loop.ahead(index):  # where the follower goes back, too
                self._go_back()
            return jumped
        return False

    def _infers(self, index: int, event: Onset) -> bool:
        """Return whether an onset is inferred, or predicted behind one that is; two in a row are believed."""
        before, self._inferred = self._inferred, None
        if not event.heard:
            self._inferred = before if before is not None and index == before.onset + 1 else None
        elif before is None and self._goes_on_to(index) and self.now_s > event.due_s + INFERRED_S:
            self._inferred = _Inferred(index, self.now_s + MORE_S)
        return self._inferred is not None

    def _goes_on_to(self, index: int) -> bool:
        """Return whether an onset is one of those ahead, and the place is sure."""
        near = 0 <= self.now_at < index <= self.now_at + self.config.jump
        return near and self._next is not None and self.unconfirmed == 0

    def _go_back(self) -> None:
        """Be at the same place of an earlier time that the loop is written out."""
        n = self._loop.n
        self._inferred = None
        self.gone_back_s += float(self.solo_s[self.now_at] - self.solo_s[self.now_at - n])
        self.now_at -= n
        self._played_s = {at - n: at_s for at, at_s in self._played_s.items() if at >= n}
        if self._next is not None:
            self._next = self._next._replace(onset=self._next.onset - n)

    def _begun(self, index: int, at_s: float) -> bool:
        if self._calibration is not None:
            self._calibration.take(index, at_s)
        before, self.now_at, self._next = self.now_at, index, None
        at_s = max(at_s, self.now_s - SLOWEST_S)
        self._played_s[index] = at_s
        self.unconfirmed = max(self.unconfirmed - 1, 0)
        if jumped := self._is_jump(before, index):
            self._jump(index)
        elif 0 <= before < index and not self._holds(before, index):
            self._step(before, index, at_s - self._played_s[before])
        return jumped

    def _step(self, before: int, index: int, played_s: float) -> None:
        """Take how long the soloist played from one onset to another."""
        begin_s, end_s = self._places_s[before], self._places_s[index]
        pace = self._pace.ratio
        self._pace.take(end_s - begin_s, played_s)
        self._expectation.take(begin_s, end_s, played_s, (pace, self._pace.ratio))

    def _lasts(self, begin_s: float, end_s: float) -> float:
        """Return how long a stretch of score will last, fermatas on it too, as far as can be expected now."""
        length_s = end_s - begin_s + self.config.fermata * self.held(begin_s, end_s)
        return length_s * self._pace.ratio * self._expectation.ratio(begin_s, end_s)

    def _expect(self, new: _Prediction) -> bool:
        if self._calibration is not None:
            self._calibration.foresee(*new)
        jumped = False
        if new.onset - 1 != self.now_at:  # what was reported last is taken back
            before, self.now_at, self._next = self.now_at, new.onset - 1, None
            if jumped := self._is_jump(before, self.now_at):
                self._jump(self.now_at)
            step_s = (self._places_s[new.onset] - self._places_s[self.now_at]) * self._pace.ratio
            self._played_s.setdefault(self.now_at, new.due_s - step_s)
        kept = self._next
        if kept is None or kept.onset != new.onset or new.due_s < kept.due_s:
            self._next = new
        return jumped

    def _is_jump(self, before: int, index: int) -> bool:
        return before >= 0 and not 1 - self.config.jump <= index - before <= self.config.jump

    def _jump(self, index: int) -> None:
        self.unconfirmed = self.config.confirm - 1
        self._played_s = {at: at_s for at, at_s in self._played_s.items() if at == index}
        self.interrupted = True

    def _resting(self) -> bool:
        """Return whether the soloist has a long rest now, in which nothing has to fit the score."""
        following = self._next
        if following is None or self.now_at < 0 or self.now_s > self._due(following) + DOUBTS * following.sd_s:
            return False
        return self._rests_before(following.onset)

    def _rests_before(self, onset: int) -> bool:
        return self._rest_s[onset] * self._pace.ratio > REST_S

    def _due(self, following: _Prediction) -> float:
        """Return when the next onset of the solo is due; after a long rest, not before the accompaniment is there."""
        begun_s = self._played_s[self.now_at]
        if not self._rests_before(following.onset):
            return max(following.due_s, begun_s)
        length_s = self._places_s[following.onset] - self._places_s[self.now_at]
        return max(following.due_s, begun_s + length_s * self._pace.ratio)

    def time(self, score_s: float) -> float:
        """Return when a place of the score comes, seconds of input; infinity if that is not certain enough to act on.

        score_s: the place, seconds of the score's own tempo
        """
        if self.now_at < 0:
            return np.inf
        here, begun_s = self._places_s[self.now_at], self._played_s[self.now_at]
        following = self._next
        if following is None or score_s < self._places_s[following.onset] - SAME_S:
            return begun_s + self._lasts(here, score_s) + self.config.behind_s
        return self._beyond(following, score_s)

    def forecast(self, score_s: float) -> float:
        """Return when a place is expected to come, however uncertain; infinity before the first note.

        Nothing is foreseen beyond a fermata that has not ended.
        """
        following = self._next
        if following is None or self.now_at < 0 or score_s < self._places_s[following.onset] - SAME_S:
            return self.time(score_s)
        if self._holds(self.now_at, following.onset):
            return np.inf
        there = self._places_s[following.onset]
        return float(following.due_s + self._lasts(there, score_s) + self.config.behind_s)

    def _beyond(self, following: _Prediction, score_s: float) -> float:
        """Return the time of the next onset of the solo, where it is certain; what lies beyond waits.

        Where the onset is overdue, return that of what lies before the onset after it.
        """
        due_s, after = self._due(following), score_s - self._places_s[following.onset]
        if self._holds(self.now_at, following.onset):
            return np.inf
        inferred = self._inferred is not None and self.now_s > self._inferred.from_s
        if self._inferred is not None and inferred:
            due_s = self._inferred.from_s
        if inferred or self.now_s > due_s + self.config.hold_s:
            known = bool((score_s < self.solo_s[following.onset + 1 : following.onset + 2] - SAME_S).all())
        else:
            sd_s = following.sd_s
            if self._calibration is not None:
                due_s, sd_s = self._calibration.corrected(due_s, sd_s)
            known = after <= SAME_S and sd_s <= self.config.wait_sd_s + self.latency_s  # waiting costs it
        return due_s + after * self._pace.ratio + self.config.behind_s if known else np.inf

    def held(self, begin_s: float, end_s: float) -> float:
        """Return the length of the notes under fermatas from one place up to another, seconds of score."""
        if not self._fermata_s:
            return 0.0
        first, last = (bisect_left(self._fermata_s, at_s - SAME_S) for at_s in (begin_s, end_s))
        return float(self._held_s[first:last].sum()) if first < last else 0.0

    def _holds(self, onset: int, following: int) -> bool:
        """Return whether there is a fermata between two onsets of the solo."""
        return self.held(self._places_s[onset], self._places_s[following]) > 0


def _fermatas(solo: Score, onset_quarter: np.ndarray) -> tuple[list[float], Floats]:
    """Return where fermatas are, and the lengths up to the next onset of anybody, seconds of score."""
    places = solo.fermata_quarter
    onsets = np.append(np.union1d(solo.onset_quarter, onset_quarter), solo.end_quarter)
    ends = onsets[np.minimum(np.searchsorted(onsets, places + SAME_QUARTER), len(onsets) - 1)]
    return solo.seconds(places).tolist(), np.maximum(solo.seconds(ends) - solo.seconds(places), SAME_S)


def _rests(solo: Score) -> list[float]:
    """Return (onset) for how long nobody of the solo has a note before it, seconds of score."""
    ends = np.maximum.accumulate(solo.note_quarter + solo.note_duration)
    before = np.searchsorted(solo.note_quarter, solo.onset_quarter - SAME_QUARTER) - 1
    rests = solo.seconds(solo.onset_quarter) - solo.seconds(ends[np.maximum(before, 0)])
    return np.where(before < 0, 0.0, np.maximum(rests, 0.0)).tolist()
