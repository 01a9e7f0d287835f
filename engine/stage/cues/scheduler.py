"""Decide when each cue acts, from what the follower reports: no input or output, no clock.

The place and its future are those of the accompaniment (`engine.accompaniment.anticipation`). A cue acts once for each
time that its place is played. None acts before the place is confirmed: at the beginning, after a jump, while the place
is lost or the confidence is low. What a jump has passed over is told, and made up for where the cue says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from engine.accompaniment.anticipation import SAME_S, Anticipation
from engine.core.events import Event, Position, State
from engine.score.score import Score
from engine.stage.cues.config import CueTiming
from engine.stage.cues.cue_list import PlannedCue

__all__ = ["FIRST_NOTE", "CueCall", "CueScheduler"]

FIRST_NOTE = "for the first note"  # why the follower waits before the music
BROKEN_OFF = ("paused", "lost", "ended")
OPENING_S = 10.0  # where whoever broke off begins anew, seconds of score
JUMPED, LATE, BEGUN = "the place has jumped", "the place was not certain in time", "the music began behind it"


class CueCall(NamedTuple):
    """What is decided of a cue.

    cue: which of the planned ones
    at_s: when it acts, seconds of input
    """

    cue: PlannedCue
    at_s: float
    fired: bool = True
    made_up: bool = False
    why: str = ""


class CueScheduler:
    """Take the follower's events; decide of each cue a little before it acts.

    cues: in the order of the score
    """

    def __init__(self, score: Score, cues: Sequence[PlannedCue], timing: CueTiming) -> None:
        self.timing, self._cues = timing, list(cues)
        self._solo = Anticipation(score, timing.schedule, calibrated=True)
        self._cue_s = score.seconds(np.array([cue.quarter for cue in cues])) if cues else np.empty(0)
        self.latency_s = 0.0  # so much earlier a cue is decided, so that its sound is heard in time
        self._longest_s = max((cue.lead_s for cue in cues), default=0.0)
        self.reset()

    def reset(self) -> None:
        """Reset to the initial state."""
        self._solo.reset()
        self._done: set[int] = set()  # cues that have acted or were passed over
        self._over: set[int] = set()  # of those, the ones that were passed over
        self._from_s = -np.inf  # from where on cues may act, seconds of score
        self._reached_s = -np.inf  # how far the music has come since, seconds of score
        self._landing_s: float | None = None  # where it goes on after a jump that is not confirmed, or begins
        self._broken_off = False
        self._confidence = 1.0

    def rearm(self, quarter: float) -> None:
        """Let all cues from here on act again: the player has said that the music goes on here."""
        self._done = {i for i in self._done if self._cues[i].quarter < quarter}

    def take(self, event: Event) -> None:
        """Take one event of the follower, in order."""
        before = self._solo.now_at
        if isinstance(event, Position):
            self._confidence = event.confidence
        elif isinstance(event, State):
            self._state(event)
        jumped = self._solo.take(event)
        if before < 0 <= self._solo.now_at:
            jumped, self._solo.unconfirmed = True, self.timing.confirm - 1
        if jumped:
            self._landing_s = self._solo.here_s

    def _state(self, event: State) -> None:
        self._broken_off |= event.name in BROKEN_OFF
        if event.name == "waiting" and event.why == FIRST_NOTE:  # what was heard was no beginning
            self._solo.reset()

    def commit(self, now_s: float, step_s: float = 0.0) -> list[CueCall]:
        """Return what is decided now; call it every `step_s`."""
        solo = self._solo
        solo.now_s, solo.interrupted = now_s, False
        if solo.now_at < 0 or solo.lost:
            return []
        certain = not solo.uncertain and self._confidence >= self.timing.min_confidence
        calls: list[CueCall] = []
        if certain and self._landing_s is not None:
            calls += self._land(self._landing_s, now_s)
        if certain:
            self._reached_s = max(self._reached_s, solo.here_s)
        ahead_s = now_s + self.timing.commit_s + self.latency_s + step_s
        return calls + self._due(now_s, ahead_s, certain=certain)

    def _land(self, landing_s: float, now_s: float) -> list[CueCall]:
        """Go on at a new place that is confirmed; return what was passed over."""
        before_s, self._landing_s = self._reached_s, None
        if landing_s < before_s:
            self._go_back(landing_s)
        self._from_s = self._reached_s = landing_s
        self._broken_off = False
        why = BEGUN if before_s == -np.inf else JUMPED
        over = [self._passed(i, now_s, why) for i in self._within(before_s + SAME_S, landing_s - SAME_S)]
        return over + [self._fired(i, now_s) for i in self._within(landing_s - SAME_S, self._solo.here_s - SAME_S)]

    def _within(self, begin_s: float, end_s: float) -> list[int]:
        """Return the cues of a part of the score that have not been decided."""
        first, last = np.searchsorted(self._cue_s, (begin_s, end_s))
        return [i for i in range(first, last) if i not in self._done]

    def _go_back(self, landing_s: float) -> None:
        """Let cues act again that were passed over or say so, and all where the music begins anew."""
        anew = self._broken_off and landing_s <= self._solo.solo_s[0] + OPENING_S
        ahead = {i for i in self._done if self._cue_s[i] >= landing_s - SAME_S}
        self._done -= {i for i in ahead if anew or i in self._over or self._cues[i].again}
        self._over &= self._done

    def _due(self, now_s: float, ahead_s: float, *, certain: bool) -> list[CueCall]:
        calls: list[CueCall] = []
        begin_s = self._from_s if self._landing_s is None else self._landing_s
        for i in range(int(np.searchsorted(self._cue_s, begin_s - SAME_S)), len(self._cues)):
            if i in self._done:
                continue
            if self._solo.forecast(float(self._cue_s[i])) - self._longest_s > ahead_s:
                break
            if certain or self._cues[i].at_once:
                calls += self._decided(i, now_s, ahead_s)
        return calls

    def _decided(self, i: int, now_s: float, ahead_s: float) -> list[CueCall]:
        cue, place_s = self._cues[i], float(self._cue_s[i])
        there_s = self._solo.forecast(place_s) if cue.lead_s else self._solo.time(place_s)
        at_s = there_s - cue.lead_s
        if not at_s < ahead_s:
            return []
        if there_s < now_s - self.timing.late_s:  # what the player has not reached waits for him
            return [self._passed(i, now_s, LATE)] if place_s <= self._solo.here_s + SAME_S else []
        return [self._fired(i, max(at_s, now_s))]

    def _fired(self, i: int, at_s: float) -> CueCall:
        self._done.add(i)
        return CueCall(self._cues[i], at_s)

    def _passed(self, i: int, now_s: float, why: str) -> CueCall:
        """Return what is told of a cue whose place was passed over."""
        cue = self._cues[i]
        self._done.add(i)
        if not cue.make_up:
            self._over.add(i)
        return CueCall(cue, now_s, fired=cue.make_up, made_up=cue.make_up, why=why)
