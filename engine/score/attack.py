"""How much later than it begins the tone of a bowed, blown or sung instrument is detected, by the score's own parts."""

from __future__ import annotations

from engine.score.score import Score

__all__ = ["attack_s"]

# Programs of General MIDI, from 0, and seconds: the medians over takes of the difference between when a tone was
# detected and when it began, several soundfonts, rooms and pieces to an instrument. What is struck or plucked, and
# reeds and trumpets, are detected within 5 ms of their beginning.
SLOW = (
    (range(16, 21), 0.022),  # organs
    (range(40, 44), 0.012),  # bowed strings
    (range(44, 45), 0.016),  # tremolo
    (range(48, 52), 0.016),  # string ensembles
    (range(52, 55), 0.027),  # voices
    (range(60, 61), 0.008),  # horns
    (range(72, 80), 0.015),  # flutes
)


def attack_s(score: Score) -> float:
    """Return by how much the onsets of this score's instruments are detected late, seconds: that of the quickest one.

    0 where the score does not tell what plays it.
    """
    return min((_attack_of(program) for program in score.programs), default=0.0)


def _attack_of(program: int) -> float:
    return next((seconds for programs, seconds in SLOW if program in programs), 0.0)
