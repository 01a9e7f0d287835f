"""Whether a recording is of the score: by how its notes stand out, also beside an accompaniment."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine.score.score import Score, make_score
from offline.alignment.alignment import align
from offline.alignment.note_activity import Activity
from offline.alignment.row_store import RowStore
from offline.alignment.trust import DOUBTFUL, prominence, trust
from offline.recording import Recording
from offline.synthesis.demo_performance import PerformConfig
from tests.engine.following.play import RATE, sound
from tests.offline.alignment.takes import piece


def two_pitches() -> tuple[Score, Activity, np.ndarray]:
    """A score of two pitches in turn, and how strongly they sound when it is played a second a quarter."""
    score = make_score("two", [(float(i), 1.0, 60 + 4 * (i % 2), 70) for i in range(8)], tempi=[(0.0, 60.0)])
    turn = (np.arange(800) // 100) % 2
    level = (
        np.stack([1.0 - turn, turn], axis=1).astype(np.float32) + np.linspace(0, 0.1, 800, dtype=np.float32)[:, None]
    )
    store = RowStore.of([level], 2, np.float32)
    return score, Activity(pitch=np.array([60, 64]), level=store, first_s=0.0, frame_s=0.01), np.arange(8.0)


def test_notes_stand_out_where_they_are() -> None:
    score, activity, onset_s = two_pitches()
    assert prominence(score, activity, onset_s) > 0.9
    assert prominence(score, activity, onset_s + 1.0) < 0.2  # the last one is clipped to the end
    some = np.where(np.arange(8) < 4, onset_s, np.nan)
    assert prominence(score, activity, some) > 0.9
    assert np.isnan(prominence(score, activity, np.full(8, np.nan)))


def test_each_piece_of_evidence_counts() -> None:
    assert trust(0.9, 0.2) > 0.95 and trust(0.6, 0.02) < 0.25
    assert trust(0.8, 0.1) > trust(0.7, 0.1) > trust(0.7, 0.05)
    assert trust(0.8, np.nan) == trust(0.8, 0.1)


def upper(score: Score) -> Score:
    """Its notes above the chords."""
    kept = (score.note_duration < 4) & (score.note_pitch >= 60)
    return replace(
        score,
        note_quarter=score.note_quarter[kept],
        note_duration=score.note_duration[kept],
        note_pitch=score.note_pitch[kept],
        note_velocity=score.note_velocity[kept],
        note_id=score.note_id[kept],
    )


def test_a_solo_beside_a_loud_accompaniment_is_trusted_and_another_is_not() -> None:
    score = piece(8)
    chords = replace(score, note_velocity=np.where(score.note_duration < 4, 55, 100))
    take = Recording.of(sound(chords, PerformConfig(start_s=0.5), seed=2)[0], RATE)
    assert align(upper(score), take).trust > DOUBTFUL > align(upper(piece(9)), take).trust
