"""Ticks of a beat: how many there are at a place of the score, for MIDI clock and for time code."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from engine.midi.clock import TICKS, TICKS_PER_SIXTEENTH
from engine.midi.timecode import FRAME_RATES, QUARTERS, SET
from engine.score.score import Score
from engine.stage.phase import BeatLine

__all__ = ["TickScale", "clock_ticks", "timecode_ticks"]

NEAR_S = 0.02  # over which the rate is taken


class TickScale(NamedTuple):
    """How ticks are counted.

    at: ticks at a quarter of the score
    first: the first tick that is sent is a multiple of it
    """

    at: Callable[[float], float]
    first: int

    def ticks(self, line: BeatLine) -> tuple[float, float]:
        """Return the ticks at the beginning of a line, and ticks a second."""
        here = self.at(line.quarter)
        return here, (self.at(line.quarter + NEAR_S * line.rate) - here) / NEAR_S

    def beginning(self, line: BeatLine) -> tuple[float, int, float]:
        """Return when the first tick comes, seconds of input, which one it is, and ticks a second."""
        here, per_s = self.ticks(line)
        tick = math.ceil(max(here, 0.0) / self.first - 1e-9) * self.first
        return line.at_s + (tick - here) / per_s, tick, per_s


def clock_ticks() -> TickScale:
    """Return the scale of a MIDI clock, 24 a quarter; it begins where a song position can."""
    return TickScale(lambda quarter: quarter * TICKS, TICKS_PER_SIXTEENTH)


def timecode_ticks(score: Score, frame_rate: str, hour: int = 0) -> TickScale:
    """Return the scale of time code: quarter frames of the score's own time, which begins at an hour."""
    per_s = float(FRAME_RATES[frame_rate][1]) * QUARTERS
    begin = hour * 3600 * FRAME_RATES[frame_rate][2] * QUARTERS  # as frames are counted, so that the hour is full
    if frame_rate == "29.97":
        begin = hour * 107_892 * QUARTERS  # two numbers a minute are left out
    return TickScale(lambda quarter: begin + float(score.seconds(quarter)) * per_s, SET)
