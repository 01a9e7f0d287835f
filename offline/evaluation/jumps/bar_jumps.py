"""Evaluate recovery from jumps as performers make them: at the end of a bar, to the beginning of another.

Recordings are cut at bar lines and joined: a passage of four to sixteen bars is played once more, or left out, in time
and without a break. A position is right within half a quarter, at a place with the same notes too; it has recovered
when it stays right for two seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.audio.files import AudioReader
from engine.core.format import AudioFormat
from engine.following.config import FollowConfig
from engine.pipeline.pipeline import PipelineConfig
from engine.score.readers import read_score
from engine.score.score import Score
from offline.batch.piece_folders import EvaluationPiece, PieceCounts, find_pieces
from offline.evaluation.hard import STEP_S, Stretch, false_leaps, judge_moments
from offline.evaluation.jumps.repeats_and_cuts import FADE_S, track_audio
from offline.evaluation.onsets import PositionTrack, read_truth
from offline.following.score_input import read_score_input

__all__ = ["BarJumps", "evaluate_bar_jumps", "jump_at_bars"]

Audio = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Rng = np.random.Generator

LEAST_BARS, MOST_BARS = 4, 16
PLAYED_S = (7.0, 14.0)  # time from jump to jump
ROOM_S = 6.0  # music that must follow a jump
CUT_S = 0.03  # time before an onset at which is cut
N_TAKES, N_JUMPS = 2, 5
STAY_S, STAY_SHARE = 2.0, 0.95
SOON_S = 3.0
AGAIN, SKIP = "again", "skip"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BarJumps:
    """A recording (sample,) that jumps from bar to bar, and its stretches, each but the first after a jump."""

    audio: Audio
    stretches: list[Stretch]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BarTimes:
    """Bars that begin with an onset that was played: quarter and second of each."""

    quarter: Floats
    at_s: Floats


def jump_at_bars(audio: Audio, rate: int, score: Score, truth: tuple[Floats, Floats], rng: Rng) -> BarJumps:
    """Cut a recording (sample,) at bar lines and join the parts; truth: (quarter, second) of its onsets."""
    order = np.argsort(truth[1], kind="stable")
    quarter, at_s = truth[0][order], truth[1][order]
    bars = _bar_times(score, quarter, at_s)
    fade = np.linspace(0, 1, int(FADE_S * rate), dtype=np.float32)
    sounds: list[Audio] = []
    stretches: list[Stretch] = []
    now = 0.0
    for first, last, kind in _plan(bars.at_s, rng):
        start_s, stop_s = max(bars.at_s[first] - CUT_S, 0.0), bars.at_s[last] - CUT_S
        sound = audio[int(start_s * rate) : int(stop_s * rate)].copy()
        sound[: len(fade)] *= fade
        sound[len(sound) - len(fade) :] *= fade[::-1]
        inside = (at_s > start_s) & (at_s < stop_s) & (quarter > bars.quarter[first] - 1e-3)
        inside &= quarter < bars.quarter[last] - 1e-3
        end_s = now + len(sound) / rate
        times = np.append(at_s[inside] - start_s + now, end_s)
        stretches.append(Stretch(times, np.append(np.maximum.accumulate(quarter[inside]), bars.quarter[last]), kind))
        sounds.append(sound)
        now = end_s
    return BarJumps(audio=np.concatenate([np.zeros(0, np.float32), *sounds]), stretches=stretches)


def _bar_times(score: Score, quarter: Floats, at_s: Floats) -> BarTimes:
    """Return the bars that can be cut at; onsets in order of time."""
    order = np.argsort(quarter, kind="stable")
    place = np.minimum(np.searchsorted(quarter[order], score.bar_quarter - 1e-3), len(order) - 1)
    played = np.abs(quarter[order][place] - score.bar_quarter) < 1e-2
    return BarTimes(quarter=score.bar_quarter[played], at_s=np.maximum.accumulate(at_s[order][place][played]))


def _plan(bar_s: Floats, rng: Rng) -> Iterator[tuple[int, int, str]]:
    """Yield (bar, bar after the last, what happened before) of each part; bar_s: the bars' beginnings, seconds."""
    last = len(bar_s) - 1
    here, kind = int(rng.integers(0, max(1, len(bar_s) // 3))), ""
    for _ in range(N_JUMPS + 1):
        stop = min(max(int(np.searchsorted(bar_s, bar_s[here] + rng.uniform(*PLAYED_S))), here + 1), last)
        if stop <= here or bar_s[stop] - bar_s[here] < STAY_S:
            return
        yield here, stop, kind
        away = np.abs(np.arange(len(bar_s)) - stop)
        ways = np.flatnonzero((away >= LEAST_BARS) & (away <= MOST_BARS) & (bar_s[-1] - bar_s > ROOM_S))
        if not len(ways):
            return
        here = int(rng.choice(ways))
        kind = AGAIN if here < stop else SKIP


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """What came of one piece: (what happened, seconds until right) of each jump, false leaps, and hours."""

    jumps: list[tuple[str, float]]
    leaps: int
    hours: float


def evaluate_bar_jumps(
    folder: Path, follow: FollowConfig, *, seed: int = 1, say: Callable[[str], None] = print
) -> PieceCounts:
    """Make jumps in each piece, twice; print how soon the position is right again, and the false leaps between them."""
    found = find_pieces(folder)
    outcomes = found.judged(lambda piece: _jumps_of(piece, follow, seed), say)
    jumps = [jump for each in outcomes for jump in each.jumps]
    for kind, name in ((AGAIN, "played again"), (SKIP, "left out")):
        times = np.array([seconds for what, seconds in jumps if what == kind])
        say(_line(f"{len(times)} passages {name}", times))
    say(_line("all", np.array([seconds for _, seconds in jumps])))
    hours = sum(each.hours for each in outcomes)
    say(f"{sum(each.leaps for each in outcomes)} leaps from right to wrong in {hours:.2f} hours")
    return found.counts(len(found.pieces) - len(outcomes))


def _jumps_of(piece: EvaluationPiece, follow: FollowConfig, seed: int) -> _Outcome:
    """Make the jumps of a piece and follow it through them; none where it is too short."""
    with AudioReader(piece.performance) as reader:
        mono, rate = reader.read().mean(axis=1), reader.format.sample_rate
    score, truth = read_score(piece.score), read_truth(piece.truth)
    made = [jump_at_bars(mono, rate, score, truth, np.random.default_rng([seed, k, len(mono)])) for k in range(N_TAKES)]
    made = [each for each in made if len(each.stretches) > 1]
    jumps: list[tuple[str, float]] = []
    leaps, hours = 0, 0.0
    if not made:
        return _Outcome(jumps=jumps, leaps=leaps, hours=hours)
    reference = read_score_input(piece.score, AudioFormat(sample_rate=rate, n_channels=1), follow)
    config = PipelineConfig(score=reference, follow=follow)
    for each in made:
        at_s, emitted_s, quarter = track_audio(each.audio, rate=rate, config=config)
        track, late_s = PositionTrack(at_s, quarter), float(emitted_s[0] - at_s[0])
        for stretch in each.stretches[1:]:
            jumps.append((stretch.disruption, late_s + _recovery(judge_moments(stretch, track, score)[1])))
        leaps += false_leaps(track, score, each.stretches)
        hours += len(each.audio) / rate / 3600
    return _Outcome(jumps=jumps, leaps=leaps, hours=hours)


def _recovery(near: Flags) -> float:
    """Return the seconds until it is right and stays so for STAY_S, or to the end; inf if never."""
    n = round(STAY_S / STEP_S)
    padded = np.append(near, np.full(n - 1, near[-1]))
    stays = np.convolve(padded, np.ones(n), mode="valid") >= STAY_SHARE * n
    return float(np.argmax(stays & near)) * STEP_S if (stays & near).any() else np.inf


def _line(name: str, seconds: Floats) -> str:
    if not len(seconds):
        return f"{name}: none"
    median, most = np.percentile(seconds, (50, 90), method="higher")
    share = 100 * (seconds <= SOON_S).mean()
    soon = f"right within {SOON_S:g} s {share:.1f} %"
    return f"{name}: {soon}; seconds until right: median {median:.1f}, 90th percentile {most:.1f}"
