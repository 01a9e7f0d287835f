"""Say where the music is when nobody is followed: a score that simply plays knows its place."""

from __future__ import annotations

from engine.accompaniment.scheduler import Scheduler
from engine.core.events import Event, Position, State
from engine.score.score import Score

__all__ = ["Leading"]

EVERY = 2  # decisions from one position to the next
STEP_S = 0.05  # of score, over which the tempo is taken
WAITING, PLAYING, ENDED = "waiting", "following", "ended"
WHY = {
    WAITING: "the score is about to begin",
    PLAYING: "nobody is followed: the score plays",
    ENDED: "the score is over",
}


class Leading:
    """Tell positions and states as a follower does, from what the scheduler has fixed.

    end_quarter: where the last note ends
    """

    def __init__(self, score: Score, end_quarter: float, sample_rate: int) -> None:
        self._score, self._sample_rate = score, sample_rate
        self._end_s = float(score.seconds(end_quarter))
        self.reset()

    def reset(self) -> None:
        """Reset to the initial state."""
        self._n, self._state = 0, ""

    def tell(self, now: int, scheduler: Scheduler) -> list[Event]:
        """Return what there is to tell at a decision; now: its sample."""
        self._n += 1
        place_s = min(scheduler.place(now / self._sample_rate), self._end_s)
        state = ENDED if place_s >= self._end_s else PLAYING if place_s >= 0 else WAITING
        told: list[Event] = []
        if state != self._state:
            self._state = state
            told.append(State(at=now, emitted_at=now, name=state, why=WHY[state]))
        if self._n % EVERY == 0:
            told.append(self._position(now, place_s, scheduler.pace))
        return told

    def _position(self, now: int, place_s: float, pace: float) -> Position:
        quarter = float(self._score.quarter(place_s))
        step = float(self._score.quarter(place_s + STEP_S)) - quarter
        return Position(
            at=now,
            emitted_at=now,
            quarter=quarter,
            bar=self._score.bar(quarter),
            score_s=place_s,
            tempo_bpm=60 * step / (STEP_S * pace),
            confidence=1.0,
        )
