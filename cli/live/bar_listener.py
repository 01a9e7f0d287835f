"""Listening before live generation: notes from a MIDI port as a piece on the grid that a generator continues."""

from __future__ import annotations

import numpy as np

from engine.core.config import require
from offline.music.piece import REST, Piece, from_grid

__all__ = ["MAX_BARS", "BarListener", "assign_voices"]

QUARTERS = 4  # in a bar
MAX_BARS = 64


class BarListener:
    """Take `bars` bars of four quarters from the first note on, which is the first beat.

    sample_rate: Hz of the times
    tempo_bpm: the player's tempo, quarters a minute
    """

    def __init__(self, bars: int, *, sample_rate: int, tempo_bpm: float) -> None:
        require("bars", bars, 1, MAX_BARS)
        self.bars, self.bar = bars, QUARTERS * 60 / tempo_bpm * sample_rate
        self.first: int | None = None
        self._sounding: dict[tuple[int, int], int] = {}
        self._notes: list[tuple[int, int, int]] = []  # start, end, pitch

    def take(self, at: int, message: bytes) -> None:
        """Take one message that came at sample `at`."""
        kind, channel = message[0] & 0xF0, message[0] & 0x0F
        if kind not in (0x80, 0x90) or message[0] >= 0xF0:
            return
        begun = self._sounding.pop((channel, message[1]), None)
        if begun is not None:
            self._notes.append((begun, at, message[1]))
        if kind == 0x90 and message[2]:
            self.first = at if self.first is None else self.first
            self._sounding[channel, message[1]] = at

    def ready(self, now: int, early: int) -> bool:
        """Return whether all bars but their last `early` samples have passed at sample `now`."""
        return self.first is not None and now >= self.first + self.bars * self.bar - early

    def resume(self, earliest: int) -> int:
        """Return the sample of the first bar line after the bars, not before `earliest`."""
        first = self.first or 0
        n = max(self.bars, -(-(earliest - first) // self.bar))
        return round(first + n * self.bar)

    def piece(self, *, steps_per_quarter: int, n_voices: int) -> Piece:
        """Return what was played, quantised; what still sounds lasts until the end, and short gaps are closed."""
        step, n = self.bar / QUARTERS / steps_per_quarter, self.bars * QUARTERS * steps_per_quarter
        first, end = self.first or 0, (self.first or 0) + round(self.bars * self.bar)
        notes = self._notes + [(start, end, pitch) for (_, pitch), start in self._sounding.items()]
        rows = []
        for start, stop, pitch in notes:
            onset = round((start - first) / step)
            rows.append((onset, max(round((stop - first) / step), onset + 1), pitch))
        onsets = np.array(sorted({onset for onset, _, _ in rows} | {n}))
        for i, (onset, stop, pitch) in enumerate(rows):
            then = int(onsets[min(int(np.searchsorted(onsets, stop)), len(onsets) - 1)])
            # A key lifted a little early is no rest, and the end of the bars continues without one.
            if 0 < then - stop < steps_per_quarter or then == n:
                rows[i] = (onset, then, pitch)
        return assign_voices(rows, n, n_voices=n_voices, steps_per_quarter=steps_per_quarter)


def assign_voices(notes: list[tuple[int, int, int]], n_steps: int, *, n_voices: int, steps_per_quarter: int) -> Piece:
    """Assign notes (onset, end, pitch) to voices: at each step the highest that sounds is the first voice's."""
    frames = np.full((n_steps, n_voices), REST, np.int16)
    attacks = np.zeros((n_steps, n_voices), bool)
    for step in range(n_steps):
        here = sorted({pitch for onset, end, pitch in notes if onset <= step < end}, reverse=True)[:n_voices]
        struck = {pitch for onset, _, pitch in notes if onset == step}
        for voice, pitch in enumerate(here):
            frames[step, voice], attacks[step, voice] = pitch, pitch in struck
    return from_grid(frames, attacks, steps_per_quarter=steps_per_quarter)
