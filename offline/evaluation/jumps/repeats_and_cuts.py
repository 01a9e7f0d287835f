"""Evaluate recovery from jumps: recordings are cut and pasted at known places.

A position is right within half a second of the player's. Where the score has the same notes more than once (repeats,
themes that return) nobody can tell which is meant: both counts are given, identical places counted as right, and not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.audio.files import AudioReader
from engine.core.events import Position
from engine.core.format import AudioFormat
from engine.following.config import FollowConfig
from engine.pipeline.pipeline import Pipeline, PipelineConfig
from engine.score.readers import read_score
from engine.score.score import Score
from offline.batch.piece_folders import EvaluationPiece, PieceCounts, find_pieces
from offline.evaluation.onsets import read_truth
from offline.following.score_input import read_score_input

__all__ = ["FADE_S", "Splice", "evaluate_jumps", "same_places", "splice", "track_audio"]

Audio = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Positions = tuple[Floats, Floats, Floats]
Jump = tuple[bool, bool, float]

RIGHT_S = 0.5
WITHIN_S = 3.0
STAY_S = 1.0  # time during which it must be right, four fifths of the time
SHORTEST_S, LONGEST_S = 8.0, 16.0  # length of a part
LEAP_S = 5.0  # smallest jump
FAR_S = 3.0  # smallest leap; less may be a step to a neighbouring event of slow music
FADE_S = 0.01
BLOCK = 1 << 16
LOOK_S = 4.0  # music after a jump that must be identical for a place to count as identical
GRID = 24  # steps a quarter to which notes are rounded
ALIKE = 0.9  # share of the notes


@dataclass(frozen=True, slots=True, kw_only=True)
class Splice:
    """A recording made of parts of another.

    audio: (sample,)
    parts: (seconds where a part begins, seconds of the recording from, to)
    """

    audio: Audio
    parts: list[tuple[float, float, float]]


class PieceJumps(NamedTuple):
    """What came of one piece: see `_judge`, `_false_leaps`; none of the former where it is too short."""

    jumps: list[Jump]
    leaps: Floats
    hours: float


def splice(
    audio: Audio, rate: int, audio_s: Floats, rng: np.random.Generator, *, n_jumps: int, pause_s: float
) -> Splice:
    """Join parts of a recording (sample,) in random order, cut before onsets; audio_s: its onsets."""
    end_s, place, now = float(audio_s[-1]), 0.0, 0.0
    pieces: list[Audio] = []
    parts: list[tuple[float, float, float]] = []
    fade = np.linspace(0, 1, int(FADE_S * rate), dtype=np.float32)
    for _ in range(n_jumps + 1):
        stop = min(place + rng.uniform(SHORTEST_S, LONGEST_S), end_s)
        stop = float(audio_s[np.searchsorted(audio_s, stop)]) - 0.03
        piece = audio[int(place * rate) : int(stop * rate)].copy()
        piece[: len(fade)] *= fade if parts else 1
        piece[len(piece) - len(fade) :] *= fade[::-1]
        silence = rng.normal(0, 1e-4, int(pause_s * rng.uniform(0.3, 1) * rate)).astype(np.float32)
        parts.append((now, place, stop))
        pieces += [piece, silence]
        now += (len(piece) + len(silence)) / rate
        far = audio_s[(np.abs(audio_s - stop) > LEAP_S) & (audio_s < end_s - SHORTEST_S)]
        place = max(float(rng.choice(far)) - 0.03, 0.0)
    return Splice(audio=np.concatenate(pieces), parts=parts)


def same_places(score: Score, first: float, last: float) -> Floats:
    """Return the distances, quarters, from [first, last) to every place of the score with the same notes; 0 is one."""
    grid = np.round(score.note_quarter * GRID).astype(int)
    notes = set(zip(grid.tolist(), score.note_pitch.tolist(), strict=True))
    inside = (score.note_quarter >= first - 1e-3) & (score.note_quarter < last - 1e-3)
    part = list(zip(grid[inside].tolist(), score.note_pitch[inside].tolist(), strict=True))
    if not part:
        return np.zeros(1)
    starts = grid[score.note_pitch == part[0][1]] - part[0][0]
    same = [d for d in starts.tolist() if sum((q + d, p) in notes for q, p in part) >= ALIKE * len(part)]
    return np.array(sorted({0, *same})) / GRID


def evaluate_jumps(
    folder: Path, follow: FollowConfig, *, seed: int = 1, say: Callable[[str], None] = print
) -> PieceCounts:
    """Make six jumps in each piece of half a minute or more, at once and after a pause; then follow the whole piece.

    Prints the share of jumps after which the position is right within three seconds, median and 90th percentile of
    the time it takes, and how often the position leaps from right to wrong in clean playing. Pieces that fail are said.
    """
    found = find_pieces(folder)
    made = found.judged(lambda piece: _jumps_in(piece, follow, seed), say)
    _say_jumps(made, say)
    return found.counts(len(found.pieces) - len(made))


def _jumps_in(piece: EvaluationPiece, follow: FollowConfig, seed: int) -> PieceJumps:
    with AudioReader(piece.performance) as reader:
        mono, rate = reader.read().mean(axis=1), reader.format.sample_rate
    score, truth = read_score(piece.score), read_truth(piece.truth)
    reference = read_score_input(piece.score, AudioFormat(sample_rate=rate, n_channels=1), follow)
    track = partial(track_audio, rate=rate, config=PipelineConfig(score=reference, follow=follow))
    leaps, hours = _false_leaps(*track(mono), truth), len(mono) / rate / 3600
    found: list[Jump] = []
    if truth[1][-1] >= LONGEST_S + LEAP_S + SHORTEST_S + 1:
        for k, pause_s in enumerate((0.0, 0.8)):
            rng = np.random.default_rng([seed, k, len(mono)])
            found += _judge(splice(mono, rate, truth[1], rng, n_jumps=6, pause_s=pause_s), track, score, truth)
    return PieceJumps(found, leaps, hours)


def _say_jumps(made: list[PieceJumps], say: Callable[[str], None]) -> None:
    jumps = [jump for each in made for jump in each.jumps]
    if jumps:
        alike_share, very_share, seconds = np.array(jumps).T
        say(f"{len(jumps)} jumps: right within {WITHIN_S:g} s {100 * alike_share.mean():.1f} %")
        say(f"  at the very place, not one with the same notes: {100 * very_share.mean():.1f} %")
        say(f"  seconds until right: median {np.median(seconds):.1f}, 90th percentile {np.percentile(seconds, 90):.1f}")
    leaps = np.concatenate([np.zeros(0), *(each.leaps for each in made)])
    n_far = int((leaps > FAR_S).sum())
    n_near, hours = len(leaps) - n_far, sum(each.hours for each in made)
    say(f"clean playing: {n_far} leaps from right to wrong, {n_near} of under {FAR_S:g} s, in {hours:.2f} hours")
    if n_short := sum(not each.jumps for each in made):
        say(f"{n_short} pieces are too short for jumps")


def track_audio(audio: Audio, *, rate: int, config: PipelineConfig) -> Positions:
    """Return (at, emitted, quarter) of every position, seconds."""
    pipeline = Pipeline(AudioFormat(sample_rate=rate, n_channels=1), config)
    blocks = (audio[start : start + BLOCK, None] for start in range(0, len(audio), BLOCK))
    positions = [p for block in blocks for p in pipeline.process(block).events if isinstance(p, Position)]
    rows = np.array([(p.at / rate, p.emitted_at / rate, p.quarter) for p in positions])
    return rows[:, 0], rows[:, 1], rows[:, 2]


def _false_leaps(at_s: Floats, emitted_s: Floats, quarter: Floats, truth: tuple[Floats, Floats]) -> Floats:
    """Return how far the position moved, seconds, each time that it left the right place in one step."""
    place = np.interp(quarter, *truth)
    wrong = np.abs(place - at_s) > RIGHT_S
    far = np.abs(np.diff(place))
    out: Floats = far[(far > RIGHT_S) & ~wrong[:-1] & wrong[1:] & (at_s[1:] < truth[1][-1])]
    return out


def _judge(
    spliced: Splice, track: Callable[[Audio], Positions], score: Score, truth: tuple[Floats, Floats]
) -> list[Jump]:
    """Return for each jump: right in time at an identical place, right in time at the very place, seconds to right."""
    at_s, emitted_s, quarter = track(spliced.audio)
    found = []
    for begin, first, last in spliced.parts[1:]:
        shifts = same_places(score, *np.interp([first + 0.02, min(first + LOOK_S, last)], truth[1], truth[0]))
        clock = begin + np.arange(0, last - first - STAY_S, 0.1)
        i = np.maximum(np.searchsorted(emitted_s, clock) - 1, 0)
        true_s = first + at_s[i] - begin
        off = np.array([np.abs(np.interp(quarter[i] - shift, *truth) - true_s) for shift in shifts])
        found.append((_in_time(off.min(axis=0)), _in_time(off[shifts == 0][0]), _until(off.min(axis=0))))
    return found


def _in_time(off: Floats) -> bool:
    start, n = round(WITHIN_S / 0.1), round(STAY_S / 0.1)
    return bool((off[start : start + n] < RIGHT_S).mean() >= 0.8)


def _until(off: Floats) -> float:
    """Return the seconds until it is right and stays so for STAY_S; inf if never."""
    n = round(STAY_S / 0.1)
    right = np.convolve(off < RIGHT_S, np.ones(n), mode="valid") >= 0.8 * n
    return float(np.argmax(right)) * 0.1 if right.any() else np.inf
