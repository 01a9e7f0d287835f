"""One line on the terminal that says where the music is, now."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TextIO

from engine.core.events import Dropout, Event, Guesses, Late, Position, Sound

__all__ = ["LiveLine"]

REDRAW_S = 0.05  # a terminal line at 20 a second looks alive and costs nothing
GUESSES_S = 1.0  # between two lines of guesses where they cannot stand in place
WIDTH = 78  # of a terminal that does not tell


class LiveLine:
    """Shows position and guesses in place on a terminal; elsewhere one line a bar, and one of guesses a second.

    duration: samples of the whole input where it is known, for the percentage; silent: show nothing at all.
    """

    def __init__(
        self, sample_rate: int, *, duration: int | None = None, silent: bool = False, out: TextIO | None = None
    ) -> None:
        self.sample_rate, self.duration, self.silent = sample_rate, duration, silent
        self.out = sys.stderr if out is None else out
        self.in_place = self.out.isatty() and not silent
        self._width = shutil.get_terminal_size((WIDTH + 1, 24)).columns - 1
        self._now = 0
        self._position: Position | None = None
        self._bar: int | None = None
        self._guesses: Guesses | None = None
        self._guessed: int | None = None  # the second of the last line of guesses
        self._drawn_s = -1.0

    def on_event(self, event: Event) -> None:
        """Take note of an event; sounds and losses get a line of their own."""
        if isinstance(event, Position):
            self._position = event
            if not self.in_place and event.bar != self._bar:
                self._bar = event.bar
                self.say(self._text(event.at))
        elif isinstance(event, Guesses):
            self._guesses = event
            second = int(event.at / self.sample_rate / GUESSES_S)
            if not self.in_place and second != self._guessed:
                self._guessed = second
                self.say(self._text(event.at))
        elif isinstance(event, Sound | Dropout | Late):
            self.say(_describe(event, event.at / self.sample_rate))

    def on_progress(self, now: int) -> None:
        """Redraw, if it is time; `now` in samples."""
        self._now = now
        if self.in_place and time.monotonic() - self._drawn_s > REDRAW_S:
            self._drawn_s = time.monotonic()
            self.out.write("\r" + self._text(now).ljust(self._width)[: self._width])
            self.out.flush()

    def close(self) -> None:
        """Leave the last state on the screen and go to the next line."""
        if self.in_place:
            self.out.write("\r" + self._text(self._now).ljust(self._width)[: self._width] + "\n")
            self.out.flush()

    def _text(self, now: int) -> str:
        text = _clock(now / self.sample_rate)
        if self.duration:
            text += f" of {_clock(self.duration / self.sample_rate)} {100 * now // self.duration:3d}%"
        if self._position is not None:
            p = self._position
            text += f"   bar {p.bar:4d}   quarter {p.quarter:8.2f}   {p.tempo_bpm:5.1f} bpm   sure {p.confidence:4.0%}"
        if self._guesses is not None:
            pairs = zip(self._guesses.labels, self._guesses.probabilities, strict=True)
            text += "   " + "  ".join(f"{label} {probability:.0%}" for label, probability in pairs)
        return text

    def say(self, text: str) -> None:
        """Print a line of its own."""
        if self.silent:
            return
        start = "\r" + " " * self._width + "\r" if self.in_place else ""
        self.out.write(f"{start}{text}\n")
        self.out.flush()


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60:d}:{seconds % 60:04.1f}"


def _describe(event: Sound | Dropout | Late, at_s: float) -> str:
    if isinstance(event, Sound):
        return f"{_clock(at_s)}   {event.label} {'begins' if event.active else 'ends'} ({event.probability:.0%})"
    what = "lost or missing" if isinstance(event, Dropout) else "late"
    return f"{_clock(at_s)}   {event.samples} samples {what} at {event.where}"
