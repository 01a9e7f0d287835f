"""The rewards of music theory of RL-Tuner (Jaques et al. 2016, section 4), note by note, of melodies of 38 classes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

__all__ = ["RULES", "theory_reward"]

SCALE, TONIC = (0, 2, 4, 5, 7, 9, 11), 0
HOLD, STOP, FIRST = 0, 1, 2
MOST_REPEATS = 4  # strikes of one pitch in a row
LONGEST = 16  # steps that a note or a rest may last
LAGS, CORRELATED = (1, 2, 3), 0.15
MOTIF = 8  # beats are quarters: two bars, in notes at most
LEAP, BAR = 7, 16
# By interval, semitones: small steps most, then harmonic intervals (Gauldin, as the paper reads him).
PREFERRED = (0.0, 0.5, 0.5, 0.3, 0.3, 0.2, -0.6, 0.2, 0.0, 0.0, -0.5, -0.6, 0.0)
Struck = list[tuple[int, int]]  # step, pitch


def _in_key(notes: Struck, now: int, low: int) -> float:
    return 0.0 if notes[-1][1] % 12 in SCALE else -1.0


def _tonic(notes: Struck, now: int, low: int) -> float:
    """Begin on the tonic, and come back to it at the ends of phrases of four bars."""
    at_end = now % (4 * BAR) >= 4 * BAR - 8
    return 0.5 if (len(notes) == 1 or at_end) and notes[-1][1] % 12 == TONIC else 0.0


def _repeats(notes: Struck, now: int, low: int) -> float:
    last = [pitch for _, pitch in notes[-MOST_REPEATS - 1 :]]
    return -1.0 if len(last) > MOST_REPEATS and len(set(last)) == 1 else 0.0


def _autocorrelation(notes: Struck, now: int, low: int) -> float:
    """Avoid a line that follows itself one, two or three notes later."""
    line = np.array([pitch for _, pitch in notes[-2 * MOTIF :]], float)
    if len(line) < MOTIF or line.std() == 0:
        return 0.0
    centred = (line - line.mean()) / line.std()
    found = (float((centred[lag:] * centred[:-lag]).mean()) for lag in LAGS)
    return -0.2 * sum(value > CORRELATED for value in found) / len(LAGS)


def _motif(notes: Struck, now: int, low: int) -> float:
    """Write a motif, three pitches or more in two bars; write it again later."""
    last = tuple(pitch for step, pitch in notes if step > now - 2 * BAR)[-MOTIF:]
    value = 0.1 * (len(set(last)) >= 3) + 0.1 * (len(set(last)) >= 4)
    earlier = [pitch for _, pitch in notes[:-3]]
    shape = [pitch for _, pitch in notes[-3:]]
    again = any(earlier[i : i + 3] == shape for i in range(len(earlier) - 2))
    return value + 0.4 * (again and len(set(shape)) == 3)


def _interval(notes: Struck, now: int, low: int) -> float:
    if len(notes) < 2:
        return 0.0
    step = abs(notes[-1][1] - notes[-2][1])
    return (PREFERRED[step] if step < len(PREFERRED) else -1.0) - 0.3 * (step == 0)


def _resolved(notes: Struck, now: int, low: int) -> float:
    """After a leap, turn back; never leap twice the same way."""
    if len(notes) < 3:
        return 0.0
    before, after = notes[-2][1] - notes[-3][1], notes[-1][1] - notes[-2][1]
    if abs(before) < LEAP:
        return 0.0
    if before * after < 0:
        return 0.4
    return -0.6 if abs(after) >= LEAP else -0.2


def _unique_extremes(notes: Struck, now: int, low: int) -> float:
    """Let the highest and the lowest note of a stretch be there once."""
    line = [pitch for _, pitch in notes[-2 * MOTIF :]]
    if len(line) < MOTIF or line[-1] not in (max(line), min(line)):
        return 0.0
    return 0.2 if line.count(line[-1]) == 1 else -0.2


RULES: dict[str, Callable[[Struck, int, int], float]] = {
    "in the key": _in_key,
    "tonic at beginning and ends": _tonic,
    "no pitch more than four times": _repeats,
    "no autocorrelation": _autocorrelation,
    "motifs, and their repeats": _motif,
    "preferred intervals": _interval,
    "leaps are resolved": _resolved,
    "unique extremes": _unique_extremes,
}


def theory_reward(tokens: np.ndarray, low: int) -> np.ndarray:
    """Return the reward (batch, step), float32, of tokens (batch, step): 0 hold, 1 stop, 2 + k strikes low + k.

    A strike is judged by every rule of RULES; a hold or a rest only for lasting more than a bar.
    """
    out = np.zeros(tokens.shape, np.float32)
    for row, line in enumerate(tokens.tolist()):
        notes: Struck = []
        since = 0
        for t, token in enumerate(line):
            since = since + 1 if token == HOLD else 0
            if token >= FIRST:
                notes.append((t, token - FIRST + low))
                out[row, t] = sum(rule(notes, t, low) for rule in RULES.values())
            else:
                out[row, t] = -0.5 * (since > LONGEST)
    return out
