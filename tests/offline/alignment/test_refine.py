"""Tones that swell are placed where they begin, struck ones where they always were."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.score.score import Score
from offline.alignment.alignment import AlignConfig, align
from offline.alignment.refine import RefineConfig
from offline.recording import Recording
from offline.synthesis.demo_performance import PerformConfig
from tests.engine.following.play import RATE, scale, sound

N_NOTES = 24
SLOW = AlignConfig(jumps=None)
ONCE = replace(SLOW, refine=RefineConfig(slow=False))
MEDIAN_S = 0.025  # the measure's own finest threshold


def swelling(score: Score, attack_s: float) -> tuple[Recording, np.ndarray]:
    """The score by tones of eight partials that take `attack_s` to their full level, and when they begin."""
    start_s = 0.5 + score.seconds(score.note_quarter)
    length_s = score.seconds(score.note_quarter + score.note_duration) - score.seconds(score.note_quarter)
    out = np.zeros(int((start_s + length_s).max() * RATE) + RATE, np.float32)
    for start, length, pitch in zip(start_s, length_s, score.note_pitch.tolist(), strict=True):
        t = np.arange(int((length + 0.05) * RATE)) / RATE
        level = 0.5 - 0.5 * np.cos(np.pi * np.minimum(t / attack_s, 1)) if attack_s else np.ones(len(t))
        level *= np.clip((length + 0.05 - t) / 0.05, 0, 1)
        hz = 440 * 2 ** ((pitch - 69) / 12)
        tone = sum(np.sin(2 * np.pi * hz * h * t) / h for h in range(1, 9))
        out[int(start * RATE) :][: len(t)] += (0.1 * level * tone).astype(np.float32)
    return Recording.of(out[:, None], RATE), 0.5 + score.seconds(score.onset_quarter)


@pytest.mark.parametrize("attack_s", [0.1, 0.15])
def test_swelling_tones_begin_before_their_rise_is_steepest(attack_s: float) -> None:
    score = scale(N_NOTES, bpm=80.0)
    take, truth = swelling(score, attack_s)
    late = [float(np.median(align(score, take, config).audio_s - truth)) for config in (ONCE, SLOW)]
    assert late[0] > abs(late[1]) and abs(late[1]) < MEDIAN_S


def test_struck_tones_stay() -> None:
    take, _ = sound(scale(N_NOTES), PerformConfig(start_s=0.5))
    rows = [align(scale(N_NOTES), Recording.of(take, RATE), config).audio_s for config in (ONCE, SLOW)]
    assert np.array_equal(*rows)
