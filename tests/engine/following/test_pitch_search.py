"""Other pitches than the score's: transposed, tuned otherwise, both; and the pitch is told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.core.events import Position, State
from engine.following.follower import FollowConfig
from offline.synthesis.demo_performance import PerformConfig
from offline.synthesis.demo_piece import minuet
from tests.engine.following.play import RATE, events, sound

LENGTH_S = 16.0
FOUND_S = 10.0  # a transposed performance is followed at the right place by then
HALF_QUARTER = 0.5
NEAR_HZ = 1.5  # six cents
SCORE = minuet()


def played(semitones: int, cents: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The minuet so much higher: sound, seconds and quarters of its onsets."""
    higher = replace(SCORE, note_pitch=SCORE.note_pitch + semitones)
    audio, truth = sound(higher, PerformConfig(start_s=0.5))
    factor = 2 ** (cents / 1200)
    audio = np.interp(np.arange(0, LENGTH_S * RATE, factor), np.arange(len(audio)), audio[:, 0])[:, None]
    inside = truth.audio_s < LENGTH_S - 0.5
    return audio, truth.audio_s[inside] / factor, truth.quarter[inside]


def off(audio: np.ndarray, seconds: np.ndarray, quarter: np.ndarray) -> tuple[np.ndarray, list[State]]:
    """Quarters by which the position is off at each onset, and the states that were told."""
    found = events(audio, SCORE)
    at, place = np.array([(e.at / RATE, e.quarter) for e in found if isinstance(e, Position)]).T
    return np.abs(np.interp(seconds + 0.02, at, place) - quarter), [e for e in found if isinstance(e, State)]


@pytest.mark.parametrize("semitones", [-5, -2, 3])
def test_a_transposed_performance_is_followed_and_told(semitones: int) -> None:
    audio, seconds, quarter = played(semitones)
    error, states = off(audio, seconds, quarter)
    assert (error[seconds > FOUND_S] <= HALF_QUARTER).all()
    assert states[-1].transposition == semitones
    assert states[-1].a4_hz == pytest.approx(440 * 2 ** (semitones / 12), abs=NEAR_HZ)
    assert next(s.at / RATE for s in states if s.transposition == semitones) < FOUND_S


@pytest.mark.parametrize("hz", [430.0, 453.0])
def test_a_tuning_between_semitones_is_followed_and_told(hz: float) -> None:
    audio, seconds, quarter = played(0, 1200 * float(np.log2(hz / 440)))
    error, states = off(audio, seconds, quarter)
    assert (error <= HALF_QUARTER).mean() >= 0.95
    assert states[-1].a4_hz == pytest.approx(hz, abs=NEAR_HZ)


def test_at_the_scores_own_pitch_nothing_is_retuned() -> None:
    audio, _, _ = played(0)
    found = [e for e in events(audio, SCORE) if not isinstance(e, State)]
    plain = [e for e in events(audio, SCORE, config=FollowConfig(semitones=0)) if not isinstance(e, State)]
    assert found == plain
