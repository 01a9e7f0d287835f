"""Find by how many semitones a recording sounds higher than its score."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from engine.core.format import FrameFormat
from engine.following.config import FollowConfig, follow_frames
from engine.following.reference import Reference, reference_from_score
from engine.score.score import Score
from offline.alignment.dtw.jumps import JumpConfig, jump_warp
from offline.alignment.tuning import SoundProfile, in_tune
from offline.alignment.viterbi import feature_blocks
from offline.recording import Recording

__all__ = ["FARTHEST_SHIFT", "likely_shifts", "shift_contrast", "shift_costs", "transposed"]

Floats = npt.NDArray[np.float64]
Features = npt.NDArray[np.float32]

FARTHEST_SHIFT = 6  # semitones
CLEAR = 0.15  # the contrast from which the best transposition needs no second opinion
NEARLY, MOST = 1.1, 3  # else those within a tenth of the best are tried, at most three
FRAME_S, FINER = 0.25, 8
PERIODS = np.array([0.55, 0.75, 1.0, 1.35, 1.8])
SEARCH = JumpConfig(jump=4.0, leave=3.0, elsewhere=1.0)


def transposed(score: Score, semitones: int) -> Score:
    """Return the score that many semitones higher, within the range of MIDI."""
    return replace(score, note_pitch=np.clip(score.note_pitch + semitones, 0, 127)) if semitones else score


def shift_costs(score: Score, recording: Recording, follow: FollowConfig, sound: SoundProfile) -> Floats:
    """Return how badly the recording fits the score at each transposition of -FARTHEST_SHIFT to FARTHEST_SHIFT - 1.

    The cost of a coarse alignment of chroma that may jump, a few frames a second, relative to that of chance.
    """
    chroma = replace(follow, input_features=None, features=replace(follow.features, kind="chroma"))
    live = _coarse(recording, chroma, sound)
    frames = follow_frames(recording.format)
    tuned = FrameFormat(audio=in_tune(frames.audio, sound.cents), n_fft=frames.n_fft, hop=frames.hop)
    reference = reference_from_score(score, tuned, chroma.features)
    base = recording.seconds / max(float(reference.score_s[-1]), 1.0)
    expected = [_expected(reference, period) for period in base * PERIODS]
    shifts = range(-FARTHEST_SHIFT, FARTHEST_SHIFT)
    costs = [min(jump_warp(np.roll(each, k, axis=1), live, SEARCH).cost for each in expected) for k in shifts]
    return np.array(costs) / max(len(live), 1)


def likely_shifts(costs: Floats) -> list[int]:
    """Return the semitones that the notes must choose between, the likeliest first; only one if it is clear."""
    shifts = np.argsort(costs, kind="stable") - FARTHEST_SHIFT
    if shift_contrast(costs) > CLEAR:
        return [int(shifts[0])]
    near = np.sort(costs)[:MOST] < NEARLY * costs.min()
    return list(dict.fromkeys([0, *shifts[:MOST][near].tolist()]))


def shift_contrast(costs: Floats) -> float:
    """Return by what share the best transposition is better than the next, 0 to 1: little for another piece."""
    least, second = np.sort(costs)[:2]
    return float(1 - least / max(second, 1e-9))


def _expected(reference: Reference, period: float) -> Features:
    """What the score sounds like (frame, pitch class), four frames a second of the performance."""
    n_frames = max(2, int(reference.score_s[-1] * period / FRAME_S) + 2)
    at_s = np.arange(n_frames * FINER) * FRAME_S / FINER / period
    onset = np.maximum(np.searchsorted(reference.score_s, at_s + 1e-6, side="right") - 1, 0)
    out: Features = reference.sustain[onset].reshape(n_frames, FINER, -1).mean(axis=1)
    return out


def _coarse(recording: Recording, follow: FollowConfig, sound: SoundProfile) -> Features:
    """Return the features of the recording (frame, pitch class), four frames a second."""
    timing, blocks = feature_blocks(recording, follow, sound, 0)
    exact = FRAME_S * timing.sample_rate / timing.hop
    n_most = int(recording.n_samples / timing.hop / exact) + 2
    total, count, t = np.zeros((n_most, 12), np.float32), np.zeros(n_most), 0
    for block in blocks:
        place = np.minimum((np.arange(t, t + len(block)) / exact).astype(int), n_most - 1)
        np.add.at(total, place, block[:, :12])
        np.add.at(count, place, 1)
        t += len(block)
    return np.asarray(total[count > 0] / count[count > 0, None].astype(np.float32), np.float32)
