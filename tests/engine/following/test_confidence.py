"""The confidence tells the right piece from another one, in noise and in long scores, and waiting from being lost."""

from __future__ import annotations

import numpy as np
import pytest

from engine.score.score import Score, make_score
from offline.synthesis.demo_performance import PerformConfig
from tests.engine.following.play import RATE, STRICT, follow, sound

LIVELY = PerformConfig(start_s=0.5)
START_S = 4.0  # seconds after which the confidence should know


def piece(seed: int, n_notes: int = 72) -> Score:
    """A melody of eighths and quarters over chords of three notes, unlike that of any other seed."""
    rng = np.random.default_rng(seed)
    rows, quarter, pitch = [], 0.0, 72
    for _ in range(n_notes):
        length = float(rng.choice([0.5, 0.5, 1.0]))
        pitch = int(np.clip(pitch + rng.integers(-5, 6), 62, 86))
        rows.append((quarter, length, pitch, 75))
        quarter += length
    for start in np.arange(0, quarter, 2.0):
        root = int(rng.integers(43, 55))
        rows += [(float(start), 2.0, root + step, 60) for step in (0, int(rng.integers(3, 5)), 7)]
    return make_score(f"piece {seed}", rows, tempi=[(0.0, 96.0)], bars=[(4.0 * i, i + 1) for i in range(40)])


def mean_confidence(audio: np.ndarray, score: Score) -> float:
    return float(np.mean([p.confidence for p in follow(audio, score) if START_S < p.at / RATE < len(audio) / RATE - 3]))


@pytest.fixture(scope="module")
def played() -> np.ndarray:
    return sound(piece(1), LIVELY)[0]


def test_the_right_piece_is_trusted(played: np.ndarray) -> None:
    assert mean_confidence(played, piece(1)) > 0.85


def test_other_pieces_are_not(played: np.ndarray) -> None:
    """In the mean: now and then another piece has the same notes for a while."""
    assert np.mean([mean_confidence(played, piece(seed)) for seed in (2, 4, 5)]) < 0.3


def test_noise_and_level_change_little(played: np.ndarray) -> None:
    noise = np.random.default_rng(0).standard_normal(played.shape) * np.std(played) * 10 ** (-10 / 20)
    assert mean_confidence(0.05 * (played + noise), piece(1)) > 0.8


def test_a_long_score_is_no_reason_for_doubt(played: np.ndarray) -> None:
    short, rest = piece(1), piece(3, 400)
    rows = [
        *zip(short.note_quarter, short.note_duration, short.note_pitch, short.note_velocity, strict=True),
        *zip(rest.note_quarter + 80, rest.note_duration, rest.note_pitch, rest.note_velocity, strict=True),
    ]
    long = make_score("long", rows, tempi=[(0.0, 96.0)])
    assert mean_confidence(played, long) > 0.8


def test_waiting_in_silence_is_no_mistake_but_waiting_through_music_is() -> None:
    silence = np.zeros((3 * RATE, 1))
    assert all(p.confidence > 0.5 for p in follow(silence, piece(1)))
    high = make_score("high", [(0.5 * i, 0.5, 95 + i % 7, 75) for i in range(60)], tempi=[(0.0, 96.0)])
    low = sound(make_score("low", [(0.5 * i, 0.5, 40 + i % 5, 75) for i in range(40)], tempi=[(0.0, 96.0)]), STRICT)[0]
    assert mean_confidence(low, high) < 0.5
