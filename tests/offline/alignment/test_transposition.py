"""Recordings at another pitch than their score, and recordings of other music."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from cli.app import main
from cli.terminal.stopping import USER_ERROR
from engine.following.config import FollowConfig
from engine.score.score import Score
from offline.alignment.alignment import Alignment, align
from offline.alignment.transposition import FARTHEST_SHIFT, likely_shifts, shift_contrast, shift_costs, transposed
from offline.alignment.tuning import measure_profile
from offline.datasets.performances import score_midi
from offline.recording import Recording
from offline.synthesis.demo_performance import PerformConfig
from tests.engine.following.play import RATE, sound
from tests.offline.alignment.takes import piece

NEAR_S = 0.05
CLEAR = 0.15


def at_pitch(score: Score, semitones: int, cents: float = 0.0, seed: int = 1) -> tuple[Recording, np.ndarray]:
    """The score played so many semitones higher, at a speed that is sharp by some cents more; and its onsets."""
    audio, played = sound(transposed(score, semitones), PerformConfig(start_s=0.5), seed=seed)
    ratio = 2 ** (cents / 1200)
    return Recording.of(audio, round(RATE * ratio)), played.audio_s / ratio


@pytest.mark.parametrize("semitones", [-5, 0, 3])
def test_each_transposition_is_found(semitones: int) -> None:
    score = piece(4)
    take, _ = at_pitch(score, semitones)
    costs = shift_costs(score, take, FollowConfig(), measure_profile(take))
    assert int(np.argmin(costs)) - FARTHEST_SHIFT == semitones
    assert shift_contrast(costs) > CLEAR and likely_shifts(costs) == [semitones]


@pytest.mark.parametrize(
    ("semitones", "cents"),
    [(0, -200.0), *(pytest.param(*p, marks=pytest.mark.slow) for p in ((-4, 0.0), (5, 30.0), (0, 99.4)))],
)
def test_another_pitch_is_aligned_and_told(semitones: int, cents: float) -> None:
    score = piece(5)
    take, truth = at_pitch(score, semitones, cents)
    result = align(score, take)
    assert result.semitones == semitones + round(cents / 100)
    assert np.mean(np.abs(result.audio_s - truth) < NEAR_S) > 0.95
    assert "semitone" in result.pitch and result.fits


def test_what_is_said_of_the_pitch() -> None:
    none = Alignment(quarter=np.zeros(0), score_s=np.zeros(0), audio_s=np.zeros(0), confidence=np.zeros(0))
    assert none.pitch == "" and replace(none, cents=-4.0).pitch == ""
    assert replace(none, cents=-40.0).pitch == "the recording is tuned to A = 430 Hz"
    low = replace(none, semitones=-1, cents=-1.3).pitch
    assert low == "the recording sounds 1 semitone lower than the score: transposed, or tuned to A = 415 Hz"
    assert "3 semitones higher than the score" in replace(none, semitones=3).pitch


def test_the_command_tells_the_pitch_and_other_music(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, score in (("right", piece(6)), ("other", piece(7))):
        score_midi(score).save(tmp_path / f"{name}.mid")
    take, _ = at_pitch(piece(6), 2)
    soundfile.write(tmp_path / "take.wav", take.source, RATE)
    arguments = [str(tmp_path / "take.wav"), "-o", str(tmp_path / "a.csv"), "--features", "bands"]
    assert main(["align", str(tmp_path / "right.mid"), *arguments]) == 0
    told = capsys.readouterr()
    assert "2 semitones higher than the score" in told.out and "hardly sounds like" not in told.err
    assert main(["align", str(tmp_path / "other.mid"), *arguments]) == USER_ERROR
    assert "hardly sounds like" in capsys.readouterr().err
