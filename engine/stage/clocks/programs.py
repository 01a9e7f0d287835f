"""Program changes that follow the performer: another program at each rehearsal mark, also after jumps."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from engine.core.errors import ConfigError
from engine.score.score import Score
from engine.stage.phase import BeatLine

__all__ = ["ProgramChanges", "ProgramTrack", "programs_of_marks"]

PROGRAM_CHANGE = 0xC0
MAX_PROGRAMS = 128
SAME = 1e-4  # quarters


class ProgramChanges(NamedTuple):
    """Which program holds from which quarter on, in order.

    channel: 0 to 15
    """

    channel: int
    places: tuple[tuple[float, int], ...]

    def message(self, program: int) -> bytes:
        """Return the MIDI message."""
        return bytes((PROGRAM_CHANGE | self.channel, program))


def programs_of_marks(score: Score, channel: int) -> ProgramChanges:
    """Return program 0 from the first note, and the next at each mark that is new; one that comes again has its own.

    channel: 0 to 15; ConfigError where the score has no rehearsal marks, or too many
    """
    if not score.marks:
        raise ConfigError("--clock-programs", expected="a score with rehearsal marks", got="none in it")
    numbers: dict[str, int] = {} if score.marks[0][0] <= SAME else {"": 0}
    places = [(0.0, 0)] * len(numbers)
    for quarter, text in score.marks:
        places.append((quarter, numbers.setdefault(text, len(numbers))))
    if len(numbers) > MAX_PROGRAMS:
        raise ConfigError("--clock-programs", expected=f"at most {MAX_PROGRAMS} marks", got=str(len(numbers)))
    return ProgramChanges(channel, tuple(places))


class ProgramTrack:
    """Tell when a program begins to hold."""

    def __init__(self, changes: ProgramChanges) -> None:
        self._quarters = [quarter for quarter, _ in changes.places]
        self._programs = [program for _, program in changes.places]
        self._program = -1  # that was told last

    def forget(self) -> None:
        """Tell the program again: the receiver is another."""
        self._program = -1

    def take(self, line: BeatLine | None, until_s: float) -> tuple[float, int] | None:
        """Return the moment and the program if another begins up to `until_s`, seconds of input; line: the beat."""
        if line is None:
            return None
        i = bisect_right(self._quarters, line.place(until_s) + SAME) - 1
        if i < 0 or self._programs[i] == self._program:
            return None
        self._program = self._programs[i]
        return max(line.when(self._quarters[i]), line.at_s), self._program
