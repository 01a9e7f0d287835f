"""Find which parts of a score a recording plays, and in which order: repeats omitted or added, and cuts.

A few frames a second are enough for that (`offline.alignment.dtw.jumps`). The score is then written out as it was
played, so that it can be aligned from its beginning to its end.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from engine.following.follower import FollowConfig
from engine.following.reference import Reference
from engine.score.score import Score
from offline.alignment.dtw.jumps import JumpConfig, PlayedSegment, jump_warp
from offline.alignment.note_activity import note_events
from offline.alignment.tuning import SoundProfile
from offline.alignment.viterbi import feature_blocks
from offline.recording import Recording

__all__ = ["PlayedScore", "as_played", "played_onsets"]

Ints = npt.NDArray[np.int64]
Features = npt.NDArray[np.float32]

FRAME_S, FINER = 0.25, 8
PERIODS = np.array([0.55, 0.75, 1.0, 1.35, 1.8])
# A score is less similar to its sound than another recording is: what is as far as chance may still match.
SEARCH = JumpConfig(jump=4.0, leave=3.0, elsewhere=1.0)
NEAR_S = 0.8  # a jump this near to a bar line, at the played tempo, is taken to be made there
BEYOND_QUARTERS = 1e6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlayedScore:
    """A score written out as it was played.

    score: the parts in the order in which they were played
    onset: for each of its onsets the index in the original score
    n_jumps: jumps between parts
    """

    score: Score
    onset: Ints
    n_jumps: int


def played_onsets(
    reference: Reference, recording: Recording, follow: FollowConfig, sound: SoundProfile, period: float
) -> list[tuple[int, int]]:
    """Return parts of the score, (first onset, last + 1), in the order in which the recording plays them.

    reference, follow: of spectral features alone
    period: played seconds per score second of a path without jumps; as it may be far off, others are tried
    """
    live = _coarse(recording, follow, sound)
    found = [(jump_warp(_expected(reference, p), live, SEARCH), p) for p in period * PERIODS]
    best, period = min(found, key=lambda pair: pair[0].cost)
    return _joined([_onsets(s, reference, period) for s in best.segments if s.reference is not None])


def _expected(reference: Reference, period: float) -> Features:
    """What the score sounds like (frame, band), four frames a second of the performance."""
    n_frames = max(2, int(reference.score_s[-1] * period / FRAME_S) + 2)
    at_s = np.arange(n_frames * FINER) * FRAME_S / FINER / period
    onset = np.maximum(np.searchsorted(reference.score_s, at_s + 1e-6, side="right") - 1, 0)
    out: Features = reference.sustain[onset].reshape(n_frames, FINER, -1).mean(axis=1)
    return out


def as_played(score: Score, parts: list[tuple[int, int]]) -> PlayedScore:
    """Write the score out part by part."""
    event = note_events(score)
    score_s = score.seconds(score.onset_quarter)
    ends = np.append(score.onset_quarter[1:], score.end_quarter)
    quarter, second, notes, shifts, onsets = 0.0, 0.0, [], [], []
    corners_quarter, corners_s = [], []
    for first, last in parts:
        begin, begin_s = score.onset_quarter[first], score_s[first]
        chosen = np.flatnonzero((event >= first) & (event < last))
        notes.append(chosen)
        shifts.append(np.full(len(chosen), quarter - begin))
        onsets.append(np.arange(first, last))
        corners_quarter.append(score.onset_quarter[first:last] - begin + quarter)
        corners_s.append(score_s[first:last] - begin_s + second)
        quarter += ends[last - 1] - begin
        second += float(score.seconds(ends[last - 1])) - begin_s
    index, shift = np.concatenate(notes), np.concatenate(shifts)
    written = replace(
        score,
        note_quarter=score.note_quarter[index] + shift,
        note_duration=score.note_duration[index],
        note_pitch=score.note_pitch[index],
        note_velocity=score.note_velocity[index],
        note_id=score.note_id[index],
        tempo_quarter=np.concatenate([*corners_quarter, [quarter, quarter + BEYOND_QUARTERS]]),
        tempo_s=np.concatenate([*corners_s, [second, second + BEYOND_QUARTERS / 2]]),
    )
    return PlayedScore(score=written, onset=np.concatenate(onsets), n_jumps=len(parts) - 1)


def _coarse(recording: Recording, follow: FollowConfig, sound: SoundProfile) -> Features:
    """Return the features of the recording (frame, band), four frames a second."""
    timing, blocks = feature_blocks(recording, follow, sound, 0)
    exact = FRAME_S * timing.sample_rate / timing.hop
    n_most = int(recording.n_samples / timing.hop / exact) + 2
    total, count, t = np.zeros((0, 0), np.float32), np.zeros(n_most), 0
    for block in blocks:
        if not total.size:
            total = np.zeros((n_most, block.shape[1] // 2), np.float32)
        place = np.minimum((np.arange(t, t + len(block)) / exact).astype(int), n_most - 1)
        np.add.at(total, place, block[:, : total.shape[1]])
        np.add.at(count, place, 1)
        t += len(block)
    return np.asarray(total[count > 0] / count[count > 0, None].astype(np.float32), np.float32)


def _onsets(segment: PlayedSegment, reference: Reference, period: float) -> tuple[int, int]:
    """Return first and last + 1 onset of a segment; a jump that is near a bar line is made there."""
    assert segment.reference is not None
    first_s, last_s = (frame * FRAME_S / period for frame in segment.reference)
    return _near_bar(reference, first_s, period), max(_near_bar(reference, last_s, period), 1)


def _near_bar(reference: Reference, at_s: float, period: float) -> int:
    score_s = reference.score_s
    if at_s >= score_s[-1]:
        return len(score_s)
    bars = np.searchsorted(reference.quarter, reference.bar_quarter - 1e-3)
    bars = bars[(bars < len(score_s))]
    nearest = int(bars[np.argmin(np.abs(score_s[bars] - at_s))]) if len(bars) else 0
    if abs(score_s[nearest] - at_s) * period <= NEAR_S:
        return nearest
    return int(np.searchsorted(score_s, at_s))


def _joined(parts: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join parts that follow each other in the score; drop empty ones."""
    out: list[tuple[int, int]] = []
    for first, last in parts:
        if out and out[-1][1] == first:
            out[-1] = (out[-1][0], last)
        elif last > first:
            out.append((first, last))
    return out
