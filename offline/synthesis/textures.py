"""Set harmony and melody for two hands: broken chords, octaves, tremolos, runs, as in piano music.

A sketch has the harmony and the melody; `arrange` sets each phrase in a texture for either hand. All times in quarters;
rows are (onset, duration, pitch, velocity).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

__all__ = ["LEFT", "RIGHT", "Chord", "Sketch", "arrange", "arrange_hands"]

Rng = np.random.Generator
Row = tuple[float, float, int, int]
Line = list[tuple[float, float, int]]

LOWEST, HIGHEST = 23, 103
LEFT_VELOCITY, RIGHT_VELOCITY = 62, 76


class Chord(NamedTuple):
    """A chord; tones: MIDI numbers from the bass up."""

    quarter: float
    duration: float
    tones: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sketch:
    """Harmony and melody of a piece.

    beats: quarters a bar
    chords: in order
    melody: (quarter, duration, pitch) in order
    """

    beats: int
    chords: list[Chord]
    melody: Line

    @property
    def end(self) -> float:
        """Return where the last chord ends, quarters."""
        return self.chords[-1].quarter + self.chords[-1].duration if self.chords else 0.0

    def then(self, other: Sketch) -> Sketch:
        """Return both in a row."""
        return Sketch(
            beats=self.beats,
            chords=self.chords + [c._replace(quarter=c.quarter + self.end) for c in other.chords],
            melody=self.melody + [(q + self.end, d, p) for q, d, p in other.melody],
        )


def arrange(sketch: Sketch, rng: Rng) -> list[Row]:
    """Set every phrase of four to eight bars in a texture of its own; some textures come back."""
    return tidy([row for hands in _phrases(sketch, rng) for hand in hands for row in hand])


def arrange_hands(sketch: Sketch, rng: Rng) -> tuple[list[Row], list[Row]]:
    """Set it as `arrange` does, and return the left hand and the right hand by themselves."""
    lower, upper = zip(*_phrases(sketch, rng), strict=True)
    return tidy([row for rows in lower for row in rows]), tidy([row for rows in upper for row in rows])


def _phrases(sketch: Sketch, rng: Rng) -> Iterator[tuple[list[Row], list[Row]]]:
    """Yield the left and the right hand of each phrase."""
    left = [str(name) for name in rng.choice(list(LEFT), 3, replace=False)]
    right = [str(name) for name in rng.choice(list(RIGHT), 3, replace=False)]
    grain = float(rng.choice([1, 1 / 2, 1 / 2, 1 / 3, 1 / 4, 1 / 4, 1 / 6]))
    start = 0.0
    while start < sketch.end:
        stop = start + sketch.beats * int(rng.choice([4, 4, 8]))
        chords = [c for c in sketch.chords if start <= c.quarter + 1e-9 < stop]
        melody = [n for n in sketch.melody if start <= n[0] + 1e-9 < stop]
        lower, upper = left[int(rng.integers(3))], right[int(rng.integers(3))]
        yield LEFT[lower](chords, grain, rng), RIGHT[upper](melody, chords, rng)
        start = stop


def tidy(rows: list[Row]) -> list[Row]:
    """Move notes into the piano's range; strike no key twice at once, and release it before it is struck again."""
    kept: dict[tuple[float, int], Row] = {}
    for quarter, duration, wanted, velocity in rows:
        pitch = wanted + 12 * (max(0, -(-(LOWEST - wanted) // 12)) - max(0, -(-(wanted - HIGHEST) // 12)))
        key = (round(quarter, 4), pitch)
        if key not in kept or kept[key][3] < velocity:
            kept[key] = (quarter, duration, pitch, velocity)
    out: list[Row] = []
    following: dict[int, float] = {}
    for quarter, duration, pitch, velocity in sorted(kept.values(), reverse=True):
        room = following.get(pitch, np.inf) - quarter
        if room > 0.03:
            out.append((quarter, min(duration, room), pitch, velocity))
            following[pitch] = quarter
    return out[::-1]


def _steps(chord: Chord, grain: float) -> list[float]:
    return [chord.quarter + i * grain for i in range(max(1, round(chord.duration / grain)))]


def _pattern(order: Callable[[int], list[int]], shift: int = 0, *, held: float = 1.0) -> Callable[..., list[Row]]:
    """Return a figure that takes the chord's tones one by one; order: from number of tones to indices, wrapped."""

    def figure(chords: list[Chord], grain: float, rng: Rng) -> list[Row]:
        rows = []
        for chord in chords:
            indices, n = order(len(chord.tones)), len(chord.tones)
            for i, quarter in enumerate(_steps(chord, grain)):
                k = indices[i % len(indices)]
                rows.append((quarter, held * grain, chord.tones[k % n] + 12 * (k // n) + shift, LEFT_VELOCITY))
        return rows

    return figure


def _block(chords: list[Chord], grain: float, rng: Rng) -> list[Row]:
    return [
        (c.quarter, 0.95 * c.duration, t - 12 * (i == 0), LEFT_VELOCITY)
        for c in chords
        for i, t in enumerate(c.tones[:4])
    ]


def _repeated(chords: list[Chord], grain: float, rng: Rng) -> list[Row]:
    grain = min(max(grain, 0.25), 0.5)
    return [(q, 0.8 * grain, t, LEFT_VELOCITY - 6) for c in chords for q in _steps(c, grain) for t in c.tones[:3]]


def _stride(chords: list[Chord], grain: float, rng: Rng) -> list[Row]:
    """Play a low bass, then chords on the other beats, as in waltzes and mazurkas."""
    rows: list[Row] = []
    for chord in chords:
        beat = 1.0 if chord.duration > 1 else 0.5
        for i, quarter in enumerate(_steps(chord, beat)):
            if i == 0:
                rows.append((quarter, beat, chord.tones[0] - 12, LEFT_VELOCITY + 6))
            else:
                rows += [(quarter, 0.7 * beat, t, LEFT_VELOCITY - 8) for t in chord.tones[:3]]
    return rows


def _octaves(chords: list[Chord], grain: float, rng: Rng) -> list[Row]:
    return [(c.quarter, 0.95 * c.duration, c.tones[0] - down, LEFT_VELOCITY + 4) for c in chords for down in (0, 12)]


def _broken_octaves(chords: list[Chord], grain: float, rng: Rng) -> list[Row]:
    grain = min(grain, 0.5)
    return [
        (q, grain, c.tones[0] - 12 * ((i + 1) % 2), LEFT_VELOCITY)
        for c in chords
        for i, q in enumerate(_steps(c, grain))
    ]


def _tremolo(chords: list[Chord], grain: float, rng: Rng) -> list[Row]:
    rows: list[Row] = []
    for chord in chords:
        halves = (chord.tones[:1], chord.tones[1:3])
        for i, quarter in enumerate(_steps(chord, 0.125)):
            rows += [(quarter, 0.125, t, LEFT_VELOCITY - 8) for t in halves[i % 2]]
    return rows


def _after_beats(chords: list[Chord], grain: float, rng: Rng) -> list[Row]:
    """Play a held bass and chords between the beats."""
    rows: list[Row] = []
    for chord in chords:
        rows.append((chord.quarter, chord.duration, chord.tones[0] - 12, LEFT_VELOCITY))
        for quarter in _steps(chord, 1.0):
            rows += [(quarter + 0.5, 0.4, t, LEFT_VELOCITY - 8) for t in chord.tones[1:4]]
    return rows


def _silent_left(chords: list[Chord], grain: float, rng: Rng) -> list[Row]:
    return [(c.quarter, c.duration, c.tones[0] - 12, LEFT_VELOCITY) for c in chords]


LEFT: dict[str, Callable[..., list[Row]]] = {
    "block": _block,
    "repeated": _repeated,
    "alberti": _pattern(lambda n: [0, n - 1, 1, n - 1]),
    "arpeggio": _pattern(lambda n: list(range(2 * n)), -12),
    "wave": _pattern(lambda n: [*range(2 * n), *range(2 * n - 2, 0, -1)], -12, held=2.0),
    "wide": _pattern(lambda n: [0, 2, n + 1, n, n + 1, 2], -12, held=1.5),
    "stride": _stride,
    "octaves": _octaves,
    "broken octaves": _broken_octaves,
    "tremolo": _tremolo,
    "after beats": _after_beats,
    "bass": _silent_left,
}


def _chord_at(chords: list[Chord], quarter: float) -> tuple[int, ...]:
    return next((c.tones for c in reversed(chords) if c.quarter <= quarter + 1e-9), ())


def _below(tones: tuple[int, ...], pitch: int, n: int) -> list[int]:
    """Return the n next tones of the chord below a pitch, in any octave."""
    classes = {t % 12 for t in tones}
    return [p for p in range(pitch - 1, pitch - 16, -1) if p % 12 in classes and pitch - p > 2][:n]


def _single(melody: Line, chords: list[Chord], rng: Rng) -> list[Row]:
    return [(q, d, p, RIGHT_VELOCITY) for q, d, p in melody]


def _in_octaves(melody: Line, chords: list[Chord], rng: Rng) -> list[Row]:
    return [(q, d, p + up, RIGHT_VELOCITY + 4) for q, d, p in melody for up in (0, 12)]


def _thickened(n: int) -> Callable[..., list[Row]]:
    """Play each longer note of the melody above n tones of its chord."""

    def figure(melody: Line, chords: list[Chord], rng: Rng) -> list[Row]:
        rows = _single(melody, chords, rng)
        for quarter, duration, pitch in melody:
            if duration >= 0.24:
                under = _below(_chord_at(chords, quarter), pitch, n)
                rows += [(quarter, duration, p, RIGHT_VELOCITY - 10) for p in under]
        return rows

    return figure


def _figured(grain: float) -> Callable[..., list[Row]]:
    """Run down chord tones from each note of the melody and up again."""

    def figure(melody: Line, chords: list[Chord], rng: Rng) -> list[Row]:
        rows: list[Row] = []
        for quarter, duration, pitch in melody:
            under = _below(_chord_at(chords, quarter), pitch, 4)
            wheel = [pitch, *under, *under[-2:0:-1]]
            for i in range(max(1, round(duration / grain))):
                loud = RIGHT_VELOCITY + 4 if i == 0 else RIGHT_VELOCITY - 12
                rows.append((quarter + i * grain, grain, wheel[i % len(wheel)], loud))
        return rows

    return figure


def _runs(melody: Line, chords: list[Chord], rng: Rng) -> list[Row]:
    """Play scales, chromatic or not, from each longer note to the next."""
    rows: list[Row] = []
    scale = np.cumsum(rng.choice([1, 2], 64, p=[0.45, 0.55]) if rng.random() < 0.7 else np.ones(64, int))
    for (quarter, duration, pitch), after in zip(melody, [*melody[1:], melody[-1:][0]] if melody else [], strict=True):
        n = int(duration / 0.125) if duration >= 0.5 and rng.random() < 0.6 else 1
        way = 1 if after[2] >= pitch else -1
        for i in range(n):
            step = 0 if i == 0 else way * int(scale[i - 1])
            rows.append((quarter + i * duration / n, duration / n, pitch + step, RIGHT_VELOCITY - 6 * (i > 0)))
    return rows


def _struck_again(melody: Line, chords: list[Chord], rng: Rng) -> list[Row]:
    """Repeat each note fast, or play a tremolo with the octave."""
    other = int(rng.choice([0, 12]))
    rows: list[Row] = []
    for quarter, duration, pitch in melody:
        n = max(1, round(duration / 0.25))
        rows += [(quarter + i * duration / n, duration / n, pitch + other * (i % 2), RIGHT_VELOCITY) for i in range(n)]
    return rows


def _resting(melody: Line, chords: list[Chord], rng: Rng) -> list[Row]:
    return [(q, d, p, RIGHT_VELOCITY) for q, d, p in melody if d >= 0.9]


RIGHT: dict[str, Callable[..., list[Row]]] = {
    "single": _single,
    "octaves": _in_octaves,
    "thirds": _thickened(1),
    "chords": _thickened(3),
    "figured": _figured(0.25),
    "fast figures": _figured(1 / 6),
    "runs": _runs,
    "struck again": _struck_again,
    "resting": _resting,
}
