"""Random human pianists: turn a score into keys and pedal, with the truth.

Goes far beyond the demo's player (`offline.synthesis.demo_performance`): rubato of several spans at once, fermatas,
sudden changes of tempo, rolled chords, asynchronous hands, trills, wrong, missing, extra and stuttered notes, pedal,
and any articulation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from engine.core.config import Settings, ranged
from engine.score.score import Score

__all__ = ["PianistConfig", "Played", "exact", "play", "pulse", "random_pianist"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Rng = np.random.Generator

STEP = 0.0625  # quarters of the tempo's grid
SHORTEST_S = 0.025


@dataclass(frozen=True, slots=True, kw_only=True)
class PianistConfig(Settings):
    """How freely a pianist plays."""

    tempo: float = ranged(1.0, 0.1, 10, "tempo relative to the score's")
    arch: float = ranged(0.1, 0, 1, "log tempo by which phrases push and yield")
    wander: float = ranged(0.03, 0, 1, "wandering of the pulse, log tempo a square root of a quarter")
    beat: float = ranged(0.02, 0, 1, "standard deviation of the log tempo of single beats")
    jumps: float = ranged(0.5, 0, 100, "sudden changes of tempo in a hundred quarters")
    fermatas: float = ranged(0.5, 0, 100, "waits in a hundred quarters")
    slowing: float = ranged(0.5, 0, 3, "log tempo lost by the end")
    spread_ms: float = ranged(8.0, 0, 300, "standard deviation of a chord's notes", unit="ms")
    lead_ms: float = ranged(8.0, 0, 300, "how far the highest voice goes ahead", unit="ms")
    apart_ms: float = ranged(0.0, 0, 300, "how far the left hand comes before the right", unit="ms")
    rolled: float = ranged(0.02, 0, 0.5, "share of chords that are rolled")
    trills: float = ranged(0.02, 0, 0.5, "share of notes of half a second or more that are trilled")
    wrong: float = ranged(0.01, 0, 0.5, "share of wrong notes")
    missing: float = ranged(0.01, 0, 0.5, "share of missing notes")
    extra: float = ranged(0.01, 0, 0.5, "share of extra notes")
    twice: float = ranged(0.005, 0, 0.5, "share of notes struck twice")
    legato: float = ranged(0.95, 0.05, 2, "share of the written length that a key is held")
    pedal: float = ranged(0.7, 0, 1, "share of beats with pedal")
    level: float = ranged(0.0, -40, 30, "velocity added to the written one")
    swell: float = ranged(12.0, 0, 64, "velocity by which phrases swell")
    start_s: float = ranged(1.0, 0, 3600, "silence before the first note", unit="s")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Played:
    """Played keys and pedal, with the truth.

    start_s, end_s: (note) seconds
    pitch, velocity: (note) MIDI numbers
    pedal: (press, 2) down and up, seconds
    quarter: (onset) place in the score; onsets of which no note was struck are left out
    audio_s: (onset) median start of its notes, seconds
    """

    start_s: Floats
    end_s: Floats
    pitch: Ints
    velocity: Ints
    pedal: Floats
    quarter: Floats
    audio_s: Floats

    @property
    def end(self) -> float:
        """Return when the last key is released, seconds."""
        return float(self.end_s.max())


def random_pianist(rng: Rng) -> PianistConfig:
    """Draw settings from strict and clean to romantic and careless."""
    free, careless = rng.beta(1.2, 1.2), rng.random() ** 3
    return PianistConfig(
        tempo=float(np.exp(rng.uniform(-1, 1) * rng.uniform(0.2, 1.1))),  # a third to three times the written tempo
        arch=float(0.35 * free * rng.random()),
        wander=float(0.01 + 0.07 * free * rng.random()),
        beat=float(0.01 + 0.06 * free * rng.random()),
        jumps=float(1.5 * rng.random() ** 2),
        fermatas=float(2 * free * rng.random()),
        slowing=float(rng.random()),
        spread_ms=float(3 + 12 * rng.random()),
        lead_ms=float(20 * free * rng.random()),
        apart_ms=float(30 * free**2 * rng.random()) if rng.random() < 0.5 else 0.0,
        rolled=float(0.15 * free * rng.random()),
        trills=float(0.1 * rng.random() ** 2),
        wrong=0.04 * careless,
        missing=0.05 * careless,
        extra=0.04 * careless,
        twice=0.02 * careless,
        legato=float(rng.choice([0.3, 0.6, 0.9, 1.0, 1.1])),
        pedal=float(rng.choice([0.0, 0.3, 0.8, 1.0])),
        level=float(rng.uniform(-25, 20)),
        swell=float(rng.uniform(4, 24)),
        start_s=float(rng.uniform(0.3, 2.0)),
    )


def exact(score: Score, *, start_s: float = 0.5) -> Played:
    """Play as written: at the score's own tempo and velocities, every note held as long as it says, no pedal."""
    first = start_s + score.seconds(score.note_quarter)
    last = start_s + score.seconds(score.note_quarter + score.note_duration)
    return Played(
        start_s=first,
        end_s=np.maximum(last - 0.005, first + SHORTEST_S),
        pitch=score.note_pitch,
        velocity=score.note_velocity,
        pedal=np.zeros((0, 2)),
        quarter=score.onset_quarter,
        audio_s=start_s + score.seconds(score.onset_quarter),
    )


def play(score: Score, rng: Rng, style: PianistConfig | None = None) -> Played:
    """Play the score in a style, by default a random one; the same generator plays the same."""
    style = style or random_pianist(rng)
    grid, seconds = pulse(score, rng, style)
    event = np.searchsorted(score.onset_quarter, score.note_quarter + 1e-6, side="right") - 1
    start_s = np.interp(score.note_quarter, grid, seconds) + _asynchrony(score, event, rng, style)
    start_s = np.maximum(start_s, 0.0)
    length = np.clip(style.legato * rng.normal(1, 0.05, len(event)), 0.05, 1.5) * score.note_duration
    end_s = np.maximum(np.interp(score.note_quarter + length, grid, seconds), start_s + SHORTEST_S)
    struck = rng.random(len(event)) >= style.missing
    struck[0] = True
    known = np.unique(event[struck])
    played = Played(
        start_s=start_s[struck],
        end_s=end_s[struck],
        pitch=score.note_pitch[struck],
        velocity=_dynamics(score, event, rng, style)[struck],
        pedal=_pedal(score, rng, style, (grid, seconds)),
        quarter=score.onset_quarter[known],
        audio_s=_medians(event[struck], start_s[struck], known),
    )
    return _released(_slips(_trilled(played, rng, style), rng, style))


def _medians(event: Ints, start_s: Floats, known: Ints) -> Floats:
    order = np.argsort(event, kind="stable")
    parts = np.split(start_s[order], np.searchsorted(event[order], known[1:]))
    return np.array([np.median(part) for part in parts])


def pulse(score: Score, rng: Rng, style: PianistConfig) -> tuple[Floats, Floats]:
    """Return (quarter, second) on a fine grid: the integral of one over the tempo, and waits on fermatas."""
    end = score.end_quarter
    grid = np.arange(0, end + 4 * STEP + 2, STEP)
    log = np.full(len(grid), np.log(style.tempo))
    bar = float(np.median(np.diff(score.bar_quarter))) if len(score.bar_quarter) > 1 else 4.0
    for span, share in ((bar, 0.4), (4 * bar, 1.0)):  # bars in phrases
        depth = style.arch * share * rng.normal(1, 0.3, int(grid[-1] / span) + 1)
        inside = grid % span / span
        log += depth[(grid / span).astype(int)] * (np.sin(np.pi * inside) - 0.6 * inside**3)
    walk = rng.normal(0, style.wander * np.sqrt(STEP), len(grid))
    memory = np.exp(-np.arange(min(len(grid), int(32 / STEP))) * STEP / 8)
    log += np.convolve(walk, memory)[: len(grid)]
    log += np.repeat(rng.normal(0, style.beat, len(grid) // int(1 / STEP) + 1), int(1 / STEP))[: len(grid)]
    for at in rng.uniform(0, end, rng.poisson(style.jumps * end / 100)):
        log[grid >= at] += rng.normal(0, 0.25)
    log = np.clip(log - style.slowing * np.clip(1 - (end - grid) / (2 * bar), 0, 1) ** 2, -2.0, 2.0)
    played_s = np.diff(score.seconds(grid)) * np.exp(-log[:-1])
    for at in rng.uniform(0, end, rng.poisson(style.fermatas * end / 100)):
        played_s[int(at / STEP)] += rng.uniform(0.3, 2.5)
    return grid, style.start_s + np.concatenate([[0.0], np.cumsum(played_s)])


def _asynchrony(score: Score, event: Ints, rng: Rng, style: PianistConfig) -> Floats:
    """Return the delay of each note, seconds: fingers, the melody ahead, the left hand ahead, rolled chords."""
    n_events = len(score.onset_quarter)
    late = rng.normal(0, style.spread_ms / 1000, len(event))
    highest = np.full(n_events, -1)
    np.maximum.at(highest, event, score.note_pitch)
    late -= (score.note_pitch == highest[event]) * style.lead_ms / 1000 * rng.uniform(0.5, 1.5, n_events)[event]
    late -= (score.note_pitch < 57) * style.apart_ms / 1000 * rng.uniform(0, 2, n_events)[event]
    rolled = rng.random(n_events) < style.rolled
    gap = rng.uniform(0.015, 0.06, n_events)
    order = np.lexsort((score.note_pitch, event))
    firsts = np.searchsorted(event[order], np.arange(n_events))
    rank = np.zeros(len(event))
    rank[order] = np.arange(len(event)) - firsts[event[order]]
    return np.asarray(late + rolled[event] * gap[event] * rank)


def _dynamics(score: Score, event: Ints, rng: Rng, style: PianistConfig) -> Ints:
    """Return velocities: phrases that swell, a wandering level, accents, the highest voice louder."""
    n_events = len(score.onset_quarter)
    walk = np.cumsum(rng.normal(0, 1.5, n_events))
    span = min(64, n_events)
    walk -= np.convolve(walk, np.ones(span) / span, mode="same")
    shape = style.swell * np.sin(2 * np.pi * score.onset_quarter / rng.uniform(8, 40) + rng.uniform(0, 6))
    accents = rng.gamma(1.0, 4.0, n_events) - 4
    highest = np.full(n_events, -1)
    np.maximum.at(highest, event, score.note_pitch)
    voiced = rng.uniform(0, 14) * (score.note_pitch == highest[event])
    whole = score.note_velocity + style.level + (shape + walk + accents)[event] + voiced
    out: Ints = np.clip(np.round(whole + rng.normal(0, 4, len(event))), 12, 125).astype(np.int64)
    return out


def _pedal(score: Score, rng: Rng, style: PianistConfig, times: tuple[Floats, Floats]) -> Floats:
    """Return pedal presses: down just after a beat, up at the next change, every one, two or four quarters."""
    every = float(rng.choice([1, 2, 2, 4]))
    changes = np.arange(0, score.end_quarter + every, every)
    at_s = np.interp(changes, *times)
    pressed = rng.random(len(changes) - 1) < style.pedal
    down = at_s[:-1] + rng.uniform(0.04, 0.15, len(pressed))
    up = at_s[1:] + rng.uniform(-0.03, 0.02, len(pressed))
    rows = np.stack([down, up], axis=1)[pressed & (up > down + 0.05)]
    return np.asarray(rows)


def _trilled(played: Played, rng: Rng, style: PianistConfig) -> Played:
    """Turn some long notes into trills with the note above; the truth stays."""
    long = np.flatnonzero((played.end_s - played.start_s > 0.5) & (rng.random(len(played.pitch)) < style.trills))
    if not len(long):
        return played
    rows, end_s = [], played.end_s.copy()
    for i in long:
        period, above = rng.uniform(0.06, 0.11), int(rng.integers(1, 3))
        n = int((played.end_s[i] - played.start_s[i]) / period)
        end_s[i] = played.start_s[i] + period
        for k in range(1, n):
            start = played.start_s[i] + k * period
            rows.append((start, start + period, played.pitch[i] + above * (k % 2), played.velocity[i] - 6))
    return _with_notes(replace(played, end_s=end_s), np.array(rows).reshape(-1, 4))


def _slips(played: Played, rng: Rng, style: PianistConfig) -> Played:
    """Add wrong neighbouring keys, extra keys, and notes struck twice."""
    n = len(played.pitch)
    pitch = played.pitch + (rng.random(n) < style.wrong) * rng.choice([-2, -1, 1, 2], n)
    besides = np.flatnonzero(rng.random(n) < style.extra)
    again = np.flatnonzero(rng.random(n) < style.twice)
    start = played.start_s
    rows = [
        (start[i], start[i] + 0.1, pitch[i] + rng.choice([-2, -1, 1, 2]), 0.7 * played.velocity[i]) for i in besides
    ]
    rows += [(start[i] + rng.uniform(0.08, 0.2), played.end_s[i] + 0.2, pitch[i], played.velocity[i]) for i in again]
    return _with_notes(replace(played, pitch=pitch), np.array(rows).reshape(-1, 4))


def _with_notes(played: Played, rows: Floats) -> Played:
    """Add keys: rows of start_s, end_s, pitch, velocity."""
    order = np.argsort(np.concatenate([played.start_s, rows[:, 0]]), kind="stable")
    whole = [np.concatenate([a, rows[:, i]])[order] for i, a in enumerate(
        (played.start_s, played.end_s, played.pitch, played.velocity))]  # fmt: skip
    return replace(
        played,
        start_s=whole[0],
        end_s=whole[1],
        pitch=np.clip(whole[2], 21, 108).astype(np.int64),
        velocity=np.clip(whole[3], 10, 127).astype(np.int64),
    )


def _released(played: Played) -> Played:
    """Sort by time, and release each key before it is struck again."""
    order = np.lexsort((played.start_s, played.pitch))
    start, end, pitch = played.start_s[order], played.end_s[order].copy(), played.pitch[order]
    same = pitch[1:] == pitch[:-1]
    limit = np.where(same, start[1:] - 0.01, np.inf)
    end[:-1] = np.maximum(
        np.minimum(end[:-1], limit), np.where(same, np.minimum(start[:-1] + 0.005, limit), start[:-1])
    )
    apart = np.append(~same | (start[1:] - start[:-1] > 0.02), True)  # two strokes within 20 ms are one
    kept = order[apart]
    back = np.argsort(start[apart], kind="stable")
    return replace(
        played,
        start_s=start[apart][back],
        end_s=np.maximum(end[apart], start[apart] + 0.005)[back],
        pitch=pitch[apart][back],
        velocity=played.velocity[kept][back],
    )
