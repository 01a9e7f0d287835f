"""The demo's material: written, played and sounded as it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from cli.demo.material import make_demo
from engine.score.readers import read_score
from offline.evaluation.onsets import read_truth
from offline.synthesis.additive_piano import additive, clicks, find_soundfont
from offline.synthesis.demo_performance import PerformConfig, perform
from offline.synthesis.demo_piece import minuet


def onsets_heard(audio: np.ndarray, rate: int, at_s: np.ndarray) -> np.ndarray:
    """The rise of the sound's energy, dB, from the 40 ms before each instant to the 40 ms after it."""
    n = int(0.04 * rate)
    power = np.cumsum(np.concatenate([[0.0], audio.astype(np.float64) ** 2])) + 1e-12 * np.arange(len(audio) + 1)
    at = np.clip((at_s * rate).astype(int), n, len(audio) - n)
    return 10 * np.log10((power[at + n] - power[at]) / (power[at] - power[at - n]))


def test_the_minuet_is_whole() -> None:
    score = minuet()
    assert score.end_quarter == 48 * 3  # sixteen bars, again, and sixteen more
    assert len(score.bar_number) == 48
    low, high = score.note_pitch.min(), score.note_pitch.max()
    assert (low, high) == (43, 83)
    for bar in range(48):  # no bar is empty or spills over
        inside = (score.note_quarter >= 3 * bar) & (score.note_quarter < 3 * bar + 3)
        assert inside.any()
        assert ((score.note_quarter + score.note_duration)[inside] <= 3 * bar + 3).all()


def test_a_performance_is_free_but_ordered() -> None:
    score = minuet()
    played = perform(score, seed=4)
    again, other = perform(score, seed=4), perform(score, seed=5)
    assert np.array_equal(played.start_s, again.start_s)
    assert not np.array_equal(played.start_s, other.start_s)
    assert (np.diff(played.audio_s) > 0.05).all()
    assert (played.end_s > played.start_s).all()
    beat = np.diff(played.beat_s)
    assert beat[-1] > 1.25 * np.median(beat)  # it slows down at the end
    assert 0.03 < np.std(np.log(beat[:-12])) < 0.3


def test_truth_is_the_median_of_each_chord() -> None:
    score = minuet()
    played = perform(score, seed=6, config=PerformConfig(spread_ms=30))
    for i in (0, 1, 50, len(score.onset_quarter) - 1):
        notes = np.isclose(score.note_quarter, score.onset_quarter[i])
        assert played.audio_s[i] == pytest.approx(np.median(played.start_s[notes]))


@pytest.mark.parametrize("installed", [True, False], ids=["FluidSynth", "built-in"])
def test_the_demo_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: bool) -> None:
    if not installed:
        monkeypatch.setattr("offline.synthesis.additive_piano.find_soundfont", lambda: None)
    piece = make_demo(tmp_path / "demo", seed=1, sample_rate=22050, percussion=False)
    if installed and (find_soundfont() is None or piece.synthesiser != "FluidSynth"):
        pytest.skip("FluidSynth or a soundfont is not installed")
    assert piece.synthesiser == ("FluidSynth" if installed else "built-in")
    audio, rate = soundfile.read(piece.audio_path, always_2d=True)
    quarter, audio_s = read_truth(piece.truth_path)
    assert (rate, audio.shape[1]) == (22050, 2)
    assert len(audio) / rate == pytest.approx(piece.seconds)
    assert 0.3 < np.abs(audio).max() <= 0.51
    for path in (piece.score_path, piece.midi_path):
        assert np.abs(read_score(path).onset_quarter - quarter).max() < 1e-4
    rise = onsets_heard(audio[:, 0], rate, audio_s)
    elsewhere = onsets_heard(audio[:, 0], rate, np.random.default_rng(0).uniform(1, 70, 500))
    assert np.mean(rise > 0.5) > 0.9  # notes sound where the truth says
    assert np.median(rise) > np.median(elsewhere) + 3


def test_a_brush_on_the_beats(tmp_path: Path) -> None:
    with_brush = make_demo(tmp_path / "a", seed=1, sample_rate=22050)
    without = make_demo(tmp_path / "b", seed=1, sample_rate=22050, percussion=False)
    (a, rate), (b, _) = soundfile.read(with_brush.audio_path), soundfile.read(without.audio_path)
    beats = perform(minuet(), seed=1).beat_s
    assert np.median(onsets_heard((a - b)[:, 1], rate, beats)) > 20


def test_sounds_are_levelled_and_as_long_as_said() -> None:
    played = perform(minuet(), seed=1)
    audio = additive(played, 8000)
    assert np.abs(audio).max() == pytest.approx(0.5)
    assert len(clicks(np.array([0.0, 0.5, 99.0]), 8000, 8000, seed=1)) == 8000
