"""A recording as the score."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.core.errors import ScoreError, ShapeError
from engine.core.format import AudioFormat
from engine.following.follower import FollowConfig, follow_frames, onset_delay
from engine.following.prediction import HEARD, N_PREDICTION, PREDICTED, predict_onset
from engine.following.recording_reference import reference_from_audio
from engine.following.reference import Reference
from engine.following.search.beam_search import new_search, restart
from engine.following.tempo import tempo_numbers
from offline.evaluation.onsets import Accuracy, accuracy, first_reach, read_truth
from offline.synthesis.demo_performance import PerformConfig
from offline.synthesis.demo_piece import minuet
from tests.engine.following.play import RATE, follow, sound, track
from tests.tolerances import MUSICAL_S

CONFIG = FollowConfig()


def heard(audio: np.ndarray, rate: int = RATE) -> Reference:
    frames = follow_frames(AudioFormat(sample_rate=rate, n_channels=1))
    return reference_from_audio(audio.astype(np.float32), frames, CONFIG.features, delay=onset_delay(frames))


def compared(
    audio: np.ndarray, audio_s: np.ndarray, reference: Reference, reference_s: np.ndarray, rate: int = RATE
) -> Accuracy:
    """How well the instants of the one are found in the other; both performances' times of the same onsets."""
    return accuracy(first_reach(track(follow(audio, reference, rate), rate), reference_s) - audio_s)


def test_a_performance_follows_another() -> None:
    yesterday, then = sound(minuet(), PerformConfig(start_s=0.5), seed=1)
    today, now = sound(minuet(), PerformConfig(tempo=1.2, start_s=2.0), seed=2)
    found = compared(today[: 30 * RATE], now.audio_s[:70], heard(yesterday), then.audio_s[:70])
    assert found.within[1] >= 85
    assert found.within[2] >= 95
    assert found.lost == 0


def test_its_events_are_its_onsets() -> None:
    audio, played = sound(minuet(), PerformConfig(start_s=0.5), seed=1)
    events = heard(audio).score_s
    away = np.abs(played.audio_s[:, None] - events).min(axis=1)
    assert np.mean(away <= MUSICAL_S) >= 0.95
    assert (np.diff(events) > 0.04).all()
    assert np.diff(events).max() <= 0.51


def test_nothing_is_foreseen_where_a_held_sound_is_only_divided() -> None:
    search, row = new_search(4), np.ones(N_PREDICTION)
    restart(search)
    search.best[0] = 2
    divided = np.array([False, False, True])
    predict_onset(search, 1.0, (np.arange(3.0), divided), tempo_numbers(0.01), np.zeros(4), row)
    assert row[HEARD] == 2
    assert row[PREDICTED] == 0


def test_silence_and_shapes_are_refused() -> None:
    with pytest.raises(ScoreError, match="silence"):
        heard(np.zeros((RATE, 1)))
    with pytest.raises(ScoreError, match="silence"):
        heard(np.zeros((0, 1)))
    with pytest.raises(ShapeError, match="1 channels"):
        heard(np.zeros((RATE, 2)))


@pytest.mark.shared
@pytest.mark.slow
def test_recordings_follow_each_other(shared: Path) -> None:
    """A slow performance, then a fast one, with the first as the score."""
    names = ("mec_short1", "mec_short_fast2")
    folders = [shared / "alignment" / name for name in names]
    sounds = [soundfile.read(folder / "performance.ogg", always_2d=True) for folder in folders]
    (quarter, then), (other, now) = [read_truth(folder / "truth.csv") for folder in folders]
    _, i, j = np.intersect1d(quarter, other, return_indices=True)
    found = compared(sounds[1][0], now[j], heard(*sounds[0]), then[i], sounds[1][1])
    assert found.within[1] >= 85
    assert found.lost <= 1
