"""Show the detected sounds and the position in the score on one line of the terminal."""

from __future__ import annotations

import math
import shutil
import sys
import time
from typing import TextIO

from engine.core.events import Dropout, Event, Guesses, Late, Position, Sound

__all__ = ["LiveLine"]

REDRAW_S = 0.05  # a terminal line at 20 a second looks alive and costs nothing
GUESSES_S = 1.0  # between two lines of guesses where they cannot stand in place
WIDTH = 78  # of a terminal that does not tell
BEGUN_QUARTERS = 0.02  # beyond the score's first onset: the music has begun
METER = 10  # characters of the level meter
METER_DB = 60.0  # its range below full scale


class LiveLine:
    """Shows position and guesses in place on a terminal; elsewhere one line a bar, and one of guesses a second.

    Until the first onset it says `listening`: before it there is no position to be sure of.

    duration: samples of the whole input where it is known, for the percentage
    follows: whether a score is followed
    silent: show nothing at all
    """

    def __init__(
        self,
        sample_rate: int,
        *,
        duration: int | None = None,
        follows: bool = True,
        silent: bool = False,
        out: TextIO | None = None,
    ) -> None:
        self.sample_rate, self.duration, self.follows, self.silent = sample_rate, duration, follows, silent
        self.out = sys.stderr if out is None else out
        self.in_place = self.out.isatty() and not silent
        self._width = shutil.get_terminal_size((WIDTH + 1, 24)).columns - 1
        self._now = 0
        self._position: Position | None = None
        self._bar: int | None = None
        self._guesses: Guesses | None = None
        self._guessed: int | None = None  # the second of the last line of guesses
        self._drawn_s = -1.0
        self._state, self._level = "", -1.0

    def on_event(self, event: Event) -> None:
        """Take note of an event; sounds and losses get a line of their own."""
        if isinstance(event, Position):
            self._on_position(event)
        elif isinstance(event, Guesses):
            self._guesses = event
            second = int(event.at / self.sample_rate / GUESSES_S)
            if not self.in_place and second != self._guessed:
                self._guessed = second
                self.say(self._text(event.at))
        elif isinstance(event, Sound | Dropout | Late):
            self.say(_describe(event, event.at / self.sample_rate))

    def _on_position(self, event: Position) -> None:
        if self._position is None and event.quarter <= BEGUN_QUARTERS:
            return
        self._position = event
        if not self.in_place and event.bar != self._bar:
            self._bar = event.bar
            self.say(self._text(event.at))

    def on_progress(self, now: int) -> None:
        """Redraw, if it is time; `now` in samples."""
        self._now = now
        if self.in_place and time.monotonic() - self._drawn_s > REDRAW_S:
            self._drawn_s = time.monotonic()
            self.out.write("\r" + self._text(now).ljust(self._width)[: self._width])
            self.out.flush()

    def set_live(self, state: str, level: float) -> None:
        """Show the state of a session, such as `starting`, and the input's peak level (0 to 1; -1: unknown)."""
        self._state, self._level = state, level

    def close(self) -> None:
        """Leave the last state on the screen and go to the next line."""
        if self.in_place:
            self.out.write("\r" + self._text(self._now).ljust(self._width)[: self._width] + "\n")
            self.out.flush()

    def say(self, text: str) -> None:
        """Print a line of its own."""
        if self.silent:
            return
        start = "\r" + " " * self._width + "\r" if self.in_place else ""
        self.out.write(f"{start}{text}\n")
        self.out.flush()

    def _text(self, now: int) -> str:
        text = _clock(now / self.sample_rate)
        if self.duration:
            text += f" of {_clock(self.duration / self.sample_rate)} {100 * now // self.duration:3d}%"
        if self._level >= 0:
            text += f"  {meter(self._level)}"
        if self._state and self._state != "running":
            return f"{text}   {self._state}"
        return text + self._place() + self._most_likely()

    def _place(self) -> str:
        """Where the music is."""
        if self._position is None:
            return "   listening" if self.follows or self._level >= 0 else ""
        p = self._position
        return f"   bar {p.bar:4d}   quarter {p.quarter:8.2f}   {p.tempo_bpm:5.1f} bpm   sure {p.confidence:4.0%}"

    def _most_likely(self) -> str:
        if self._guesses is None:
            return ""
        pairs = zip(self._guesses.labels, self._guesses.probabilities, strict=True)
        return "   " + "  ".join(f"{label} {probability:.0%}" for label, probability in pairs)


def meter(level: float) -> str:
    """A bar for a peak level of 0 to 1, and the level in decibels below full scale."""
    level_db = max(-METER_DB, 20 * math.log10(max(level, 1e-9)))
    n = round(METER * (1 + level_db / METER_DB))
    text = "no input" if level_db <= -METER_DB else f"{level_db:4.0f} dB"
    return f"[{'#' * n}{'.' * (METER - n)}] {text:8}"


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60:d}:{seconds % 60:04.1f}"


def _describe(event: Sound | Dropout | Late, at_s: float) -> str:
    if isinstance(event, Sound):
        does = "begins" if event.active else "was none" if event.retracted else "ends"
        return f"{_clock(at_s)}   {event.label} {does} ({event.probability:.0%})"
    what = "lost or missing" if isinstance(event, Dropout) else "late"
    return f"{_clock(at_s)}   {event.samples} samples {what} at {event.where}"
