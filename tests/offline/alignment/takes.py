"""Takes that leave the order of the score, made at random: a piece with repeats, and a route through it.

The piece has phrases that never come back but for its written repeats, so that every place can be told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.score.score import Score, make_score
from offline.alignment.repeats_and_cuts import PlayedPart, as_played
from offline.recording import Recording
from offline.synthesis.demo_performance import PerformConfig
from tests.engine.following.play import RATE, sound

BAR = 4.0  # quarters
N_BARS = 10
Route = list[tuple[int, int]]  # first onset, and the one behind the last, of each part


@dataclass(frozen=True, slots=True)
class RoutedTake:
    """A take, its route, and which onset of the score sounds when."""

    score: Score
    recording: Recording
    route: Route
    onset: np.ndarray
    audio_s: np.ndarray

    @property
    def unplayed(self) -> set[int]:
        """Onsets that are nowhere on the route."""
        return set(range(len(self.score.onset_quarter))) - set(self.onset.tolist())


def piece(seed: int, order: list[int] | None = None) -> Score:
    """Chords below a random melody of eighths and quarters; bars in `order`, by their numbers from 0."""
    rng = np.random.default_rng(seed)
    bars = [_bar(rng) for _ in range(N_BARS)]
    order = list(range(N_BARS)) if order is None else order
    rows = [(BAR * i + q, d, p, v) for i, number in enumerate(order) for q, d, p, v in bars[number]]
    numbers = [(BAR * i, number + 1) for i, number in enumerate(order)]
    return make_score("piece", rows, bars=numbers, tempi=[(0.0, 120.0)])


def repeated(seed: int) -> Score:
    """The piece with bars 3 to 6 written twice."""
    return piece(seed, [*range(6), *range(2, N_BARS)])


def sparse(seed: int) -> Score:
    """A melody of two notes a bar, no note twice in a row, with a low note below each bar."""
    rng, rows, pitch = np.random.default_rng(seed), [], 0
    for i in range(N_BARS):
        rows.append((BAR * i, BAR, int(rng.integers(40, 52)), 65))
        turn = float(rng.choice([1.0, 2.0, 3.0]))
        for start, end in ((0.0, turn), (turn, BAR)):
            pitch = int(rng.choice(np.setdiff1d(60 + np.array([0, 2, 4, 5, 7, 9, 11, 12, 14, 16]), pitch)))
            rows.append((BAR * i + start, end - start, pitch, 75))
    bars = [(BAR * i, i + 1) for i in range(N_BARS)]
    return make_score("sparse", rows, bars=bars, tempi=[(0.0, 90.0)])


def _bar(rng: np.random.Generator) -> list[tuple[float, float, int, int]]:
    root, scale = int(rng.integers(36, 48)), np.array([0, 2, 4, 5, 7, 9, 11, 12, 14, 16])
    rows = [(0.0, BAR, root + step, 60) for step in (0, 7, 16)]
    starts = np.flatnonzero(rng.random(8) < 0.7) / 2
    starts = np.union1d([0.0], starts)
    for start, end in zip(starts, [*starts[1:], BAR], strict=True):
        rows.append((float(start), float(end - start), int(60 + rng.choice(scale)), 75))
    return rows


def _bars(score: Score) -> list[int]:
    """First onset of each bar, and how many onsets there are."""
    return [*np.searchsorted(score.onset_quarter, score.bar_quarter - 1e-3).tolist(), len(score.onset_quarter)]


def repeat_left_out(score: Score, rng: np.random.Generator) -> Route:
    bars = _bars(score)
    return [(0, bars[6]), (bars[10], bars[-1])]


def bars_left_out(score: Score, rng: np.random.Generator) -> Route:
    bars, first, n = _bars(score), int(rng.integers(2, 5)), int(rng.integers(1, 4))
    return [(0, bars[first]), (bars[first + n], bars[-1])]


def restart(score: Score, rng: np.random.Generator) -> Route:
    stop = int(rng.integers(20, len(score.onset_quarter) - 15))
    return [(0, stop), (stop - int(rng.integers(6, 16)), len(score.onset_quarter))]


def five_times(score: Score, rng: np.random.Generator) -> Route:
    bars, bar = _bars(score), int(rng.integers(2, 6))
    return [(0, bars[bar + 1]), *[(bars[bar], bars[bar + 1])] * 3, (bars[bar], bars[-1])]


def from_the_middle(score: Score, rng: np.random.Generator) -> Route:
    bars = _bars(score)
    return [(bars[int(rng.integers(2, 6))], bars[-1])]


def ends_early(score: Score, rng: np.random.Generator) -> Route:
    return [(0, int(rng.integers(20, len(score.onset_quarter) - 12)))]


def stops(score: Score, rng: np.random.Generator) -> Route:
    stop = int(rng.integers(12, len(score.onset_quarter) - 12))
    return [(0, stop), (stop, len(score.onset_quarter))]


ROUTES: list[tuple[Callable[[int], Score], Callable[[Score, np.random.Generator], Route]]] = [
    (repeated, repeat_left_out),
    (piece, bars_left_out),
    (piece, restart),
    (repeated, five_times),
    (sparse, five_times),
    (piece, from_the_middle),
    (repeated, ends_early),
    (piece, stops),
]


def routed_take(
    make: Callable[[int], Score], route: Callable[[Score, np.random.Generator], Route], seed: int
) -> RoutedTake:
    """Play a piece along a route, with a pause before each part but the first."""
    rng = np.random.default_rng([seed, 1])
    score = make(seed)
    parts = route(score, rng)
    played = as_played(score, [PlayedPart(*part) for part in parts])
    audio, performance = sound(played.score, PerformConfig(start_s=0.5), seed=seed)
    audio_s, joints = performance.audio_s.copy(), np.cumsum([stop - first for first, stop in parts])[:-1]
    for joint in joints:
        pause_s, at_s = float(rng.uniform(0.2, 1.5)), audio_s[joint] - 0.03
        at = int(at_s * RATE)
        silence = np.zeros((int(pause_s * RATE), 1), np.float32)
        audio = np.concatenate([audio[:at], silence, audio[at:]])
        audio_s[joint:] += len(silence) / RATE
    return RoutedTake(score, Recording.of(audio, RATE), parts, played.onset, audio_s)
