"""Turn what the follower reports into a beat that other programs can go by: a place in the score that grows steadily.

Positions stand still before a late note and leap when it comes; tempi change at every note. The beat here is a line,
quarters over seconds, whose slope is corrected step by step by its distance from what the follower says (a phase-locked
loop of the first order, the tempo fed forward). It never goes back and never leaps, except where the music does: there
it is halted and begins anew.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from engine.core.config import Settings, choice, ranged
from engine.core.events import Event, Onset, Position, State

__all__ = ["LINK_ROLES", "BeatLine", "BeatPhase", "PhaseChange", "PhaseConfig", "Turn"]

STEP_S = 0.02  # between corrections
JUMP = 1.0  # quarters; a greater distance is a jump
FASTEST = 0.3  # of the tempo: what is behind catches up no faster
HOLD = 0.35  # quarters; what is ahead by more brakes hard, for the music waits
HOLD_GAIN = 4.0  # per quarter beyond HOLD
SLOWEST = 0.02  # of the tempo, while it brakes
LEAP = 1.5  # quarters between two positions, beyond which the tempo is taken as new
TEMPO_QUARTERS = 0.3  # quarters over which the tempo is averaged, per quarter of smoothing
GRID = 0.25  # quarters; the beat begins on a sixteenth, which is what a song position can name
LINK_ROLES = ("lead", "follow")  # of a member of an Ableton Link session


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseConfig(Settings):
    """How a beat follows the performer."""

    beat_smoothing: float = ranged(
        1.0, 0.1, 16, "quarters in which the beat makes up for a deviation: more is steadier and later", unit="quarters"
    )
    beat_when_lost: str = choice("run", ("run", "stop"), "what the beat does while the follower is lost")


class BeatLine(NamedTuple):
    """The beat from a moment on.

    at_s: the moment, seconds of input
    quarter: the place in the score then
    rate: quarters a second, above 0
    """

    at_s: float
    quarter: float
    rate: float

    def place(self, at_s: float) -> float:
        """Return the quarter at a moment."""
        return self.quarter + (at_s - self.at_s) * self.rate

    def when(self, quarter: float) -> float:
        """Return the moment of a quarter."""
        return self.at_s + (quarter - self.quarter) / self.rate


class Turn(Enum):
    """What happens to the beat at a moment."""

    BEGIN = "begin"  # it begins, at a sixteenth of the score
    STEER = "steer"  # its rate changes, its place does not leap
    HALT = "halt"  # it stands


class PhaseChange(NamedTuple):
    """A change of the beat; `line` holds from it on; with HALT it says where the beat stood."""

    turn: Turn
    line: BeatLine


class BeatPhase:
    """Follow a session's events; the same events and times give the same beat.

    line: the beat as promised, None while it stands
    """

    def __init__(self, config: PhaseConfig | None = None) -> None:
        self.config = config or PhaseConfig()
        self.line: BeatLine | None = None
        self._gain = 1 / self.config.beat_smoothing
        self._state = ""
        self._heard: BeatLine | None = None  # the newest position, with the smoothed tempo
        self._next: tuple[float, float] | None = None  # when the next onset is expected, seconds, and its quarter
        self._step = 0  # corrections made or passed over

    def take(self, event: Event, sample_rate: int) -> None:
        """Take an event; those that say nothing of the place are ignored."""
        if isinstance(event, Position):
            self._on_position(event, event.at / sample_rate)
        elif isinstance(event, Onset):
            self._next = None if event.heard else (event.due_s, event.quarter)
        elif isinstance(event, State):
            self._state = event.name

    def advance(self, until_s: float) -> list[PhaseChange]:
        """Return the changes up to a moment, seconds of input; it may lie ahead of what was heard."""
        changes: list[PhaseChange] = []
        last = math.floor(until_s / STEP_S)
        if last - self._step > 1 / STEP_S:  # nobody asked for a second: no correction of the past is of use
            self._step = last - 1
        while self._step < last:
            self._step += 1
            changes += self._correct(self._step * STEP_S)
        return changes

    def halt(self, at_s: float) -> list[PhaseChange]:
        """Let the beat stand from a moment on, as at the end of a session."""
        line, self.line = self.line, None
        return [] if line is None else [PhaseChange(Turn.HALT, BeatLine(at_s, line.place(at_s), line.rate))]

    def _on_position(self, event: Position, at_s: float) -> None:
        rate, before = event.tempo_bpm / 60, self._heard
        if before is not None and abs(event.quarter - before.quarter) < LEAP:
            passed = max(event.quarter - before.quarter, 0.0) / (TEMPO_QUARTERS * self.config.beat_smoothing)
            rate = before.rate * (rate / before.rate) ** (1 - math.exp(-passed))
        self._heard = BeatLine(at_s, event.quarter, rate)

    def _runs(self) -> bool:
        """Return whether the music goes on; a rest goes on too, once there has been a first note."""
        if self._state == "waiting":
            return self.line is not None
        return self._state == "following" or (self._state == "lost" and self.config.beat_when_lost == "run")

    def _correct(self, at_s: float) -> list[PhaseChange]:
        if self._heard is None or not self._runs():
            return self.halt(at_s)
        if self._state == "lost":  # what it says of the place is not worth following
            return []
        goal = self._goal(self._heard, at_s)
        if self.line is None:
            return [self._begin(at_s, goal)]
        if at_s < self.line.at_s:  # it begins a little later
            return []
        place = self.line.place(at_s)
        if abs(goal - place) > JUMP:
            return [*self.halt(at_s), self._begin(at_s, goal)]
        self.line = BeatLine(at_s, place, self._heard.rate * (1 + self._correction(goal - place)))
        return [PhaseChange(Turn.STEER, self.line)]

    def _goal(self, heard: BeatLine, at_s: float) -> float:
        """Return where the music is at a moment: on its way to the next onset, which may be late."""
        if self._next is None or self._next[1] <= heard.quarter or self._next[0] <= heard.at_s:
            return heard.place(at_s)
        due_s, quarter = self._next
        if at_s > due_s:
            return quarter + (at_s - due_s) * heard.rate
        return heard.quarter + (at_s - heard.at_s) / (due_s - heard.at_s) * (quarter - heard.quarter)

    def _begin(self, at_s: float, goal: float) -> PhaseChange:
        """Begin at the next sixteenth."""
        assert self._heard is not None
        quarter = max(math.ceil(goal / GRID - 1e-6) * GRID, 0.0)
        self.line = BeatLine(at_s + (quarter - goal) / self._heard.rate, quarter, self._heard.rate)
        return PhaseChange(Turn.BEGIN, self.line)

    def _correction(self, behind: float) -> float:
        """Return the change of the tempo, a ratio, for a beat that is so many quarters behind."""
        change = self._gain * behind
        if behind < -HOLD:
            change = -HOLD * self._gain + HOLD_GAIN * (behind + HOLD)
        return min(max(change, SLOWEST - 1), FASTEST)
