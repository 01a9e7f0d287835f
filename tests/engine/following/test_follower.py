"""Following what is known: scales and the demo's minuet by the built-in synthesiser, and two recordings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.core.errors import ShapeError
from engine.core.format import AudioFormat
from engine.following.follower import FollowConfig, Follower, follow_frames
from engine.following.tracker import BEFORE
from engine.score.readers import read_score
from engine.score.score import make_score
from offline.evaluation.onsets import accuracy, first_reach, read_truth
from offline.synthesis.demo_performance import PerformConfig
from offline.synthesis.demo_piece import minuet
from tests.engine.following.play import RATE, follow, scale, sound, track
from tests.tolerances import MUSICAL_S

LOOSE = PerformConfig(start_s=0.5)
ONE_HAND = 0.85  # of the onsets of one hand: those before it has played often enough to be known from both are lost


def errors(audio: np.ndarray, score, quarter: np.ndarray, audio_s: np.ndarray, rate: int = RATE) -> np.ndarray:
    return first_reach(track(follow(audio, score, rate), rate), quarter) - audio_s


def silence(seconds: float, *, noise: float = 0.0) -> np.ndarray:
    return noise * np.random.default_rng(5).standard_normal((int(seconds * RATE), 1)).astype(np.float32)


def test_a_scale_is_followed() -> None:
    score = scale()
    audio, played = sound(score)
    assert np.abs(errors(audio, score, played.quarter, played.audio_s)).max() <= MUSICAL_S


def test_the_position_is_smooth_and_never_goes_back() -> None:
    score = scale(24)
    audio, _ = sound(score)
    positions = follow(audio, score)
    quarter = np.array([p.quarter for p in positions])
    assert (np.diff(quarter) >= 0).all()
    inside = (quarter > 0) & (quarter < score.onset_quarter[-1])
    assert np.diff(quarter[inside]).max() < 0.25  # half a note: no leaps
    hops = np.diff([p.at for p in positions])
    assert (hops == hops[0]).all()
    tempo = np.array([p.tempo_bpm for p in positions])[inside]
    assert np.median(tempo) == pytest.approx(100.0, rel=0.05)
    assert {p.bar for p in positions} == set(range(1, 7))


def test_before_the_first_note_the_quarter_is_negative() -> None:
    score = scale()
    audio, _ = sound(score)
    before = [p for p in follow(audio, score) if p.at < 0.4 * RATE]
    assert before
    assert all(p.quarter == BEFORE for p in before)


@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_silence_and_noise_before_the_start(noise: float) -> None:
    score = scale()
    audio, played = sound(score)
    late = np.concatenate([silence(6.0, noise=noise), audio])
    assert np.abs(errors(late, score, played.quarter, played.audio_s + 6.0)).max() <= MUSICAL_S


@pytest.mark.parametrize("seconds", [4.0, 20.0])
def test_a_pause_is_waited_out(seconds: float) -> None:
    score = scale(24)
    audio, played = sound(score)
    cut_s = played.audio_s[10] - 0.02
    cut = int(cut_s * RATE)
    paused = np.concatenate([audio[:cut], silence(seconds), audio[cut:]])
    audio_s = played.audio_s + seconds * (played.audio_s > cut_s)
    found = errors(paused, score, played.quarter, audio_s)
    # The ear is not sure at once which note it was that came back.
    assert np.mean(np.abs(found) <= MUSICAL_S) >= 0.9
    assert np.abs(found[12:]).max() <= MUSICAL_S


def test_it_stays_at_the_end() -> None:
    score = scale()
    audio, _ = sound(score)
    positions = follow(np.concatenate([audio, silence(5.0, noise=0.003)]), score)
    assert all(p.quarter == score.onset_quarter[-1] for p in positions if p.at > len(audio))


@pytest.mark.parametrize("tempo", [1 / 3, 0.5, 2.0, 3.0])
def test_other_tempi_than_the_scores(tempo: float) -> None:
    score = scale(24, bpm=70)
    audio, played = sound(score, PerformConfig(tempo=tempo, arch=0.05, slowing=0.2, start_s=0.5))
    found = accuracy(errors(audio, score, played.quarter, played.audio_s))
    assert found.within[1] >= 90  # percent within 50 ms
    assert found.lost == 0


@pytest.mark.parametrize("rate", [8000, 16000, 48000, 96000])
def test_any_sample_rate_and_channels(rate: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.engine.following.play.RATE", rate)
    score = scale()
    audio, played = sound(score)
    stereo = np.concatenate([audio, -0.5 * audio], axis=1)  # out of phase: a plain sum would weaken it
    assert np.abs(errors(stereo, score, played.quarter, played.audio_s, rate)).max() <= MUSICAL_S


def test_mistuning_and_noise() -> None:
    score = scale(24)
    audio, played = sound(score, LOOSE)
    n = len(audio)
    factor = 2 ** (40 / 1200)
    sharp = np.interp(np.arange(0, n - 1, factor), np.arange(n), audio[:, 0])[:, None]
    noisy = audio + silence(n / RATE + 1, noise=audio.std() * 10 ** (-10 / 20))[:n]
    assert accuracy(errors(sharp, score, played.quarter, played.audio_s / factor)).within[1] >= 90
    assert accuracy(errors(noisy, score, played.quarter, played.audio_s)).within[1] >= 90


def test_the_minuet_played_freely() -> None:
    score = minuet()
    audio, played = sound(score, LOOSE, seed=3)
    found = accuracy(errors(audio, score, played.quarter, played.audio_s))
    assert found.within[0] >= 85
    assert found.within[1] >= 95
    assert found.lost == 0


def test_confidence_falls_when_something_else_is_played() -> None:
    """From 12 s on the same rhythm a tritone higher: only the pitches are wrong."""
    score = minuet()
    right, wrong = (sound(played, LOOSE)[0] for played in (score, replace(score, note_pitch=score.note_pitch + 6)))
    positions = follow(np.concatenate([right[: 12 * RATE], wrong[12 * RATE : 30 * RATE]]), score)
    before = np.mean([p.confidence for p in positions if 4 < p.at / RATE < 12])
    after = np.mean([p.confidence for p in positions if p.at / RATE > 16])
    assert before > 0.9
    assert after < 0.5


def test_one_note_is_a_score() -> None:
    score = scale(1)
    audio, played = sound(score)
    assert np.abs(errors(audio, score, played.quarter, played.audio_s)).max() <= MUSICAL_S


def test_a_reference_of_other_features_is_refused() -> None:
    config = FollowConfig()
    frames = follow_frames(AudioFormat(sample_rate=8000, n_channels=1))
    other = Follower(follow_frames(AudioFormat(sample_rate=44100, n_channels=1)), scale(), config).reference
    with pytest.raises(ShapeError, match="features"):
        Follower(frames, other, config)


@pytest.mark.shared
@pytest.mark.parametrize("name", ["mec_short1", "real_Fugue_bwv_858_VuV01M"])
def test_recordings(shared: Path, name: str) -> None:
    folder = shared / "alignment" / name
    audio, rate = soundfile.read(next(folder.glob("performance.*")), dtype="float32", always_2d=True)
    quarter, audio_s = read_truth(folder / "truth.csv")
    found = accuracy(errors(audio, read_score(next(folder.glob("score.*"))), quarter, audio_s, rate))
    assert found.within[0] >= 75
    assert found.within[2] >= 95
    assert found.lost == 0


@pytest.mark.shared
@pytest.mark.slow
def test_no_recording_is_lost(shared: Path) -> None:
    for folder in sorted((shared / "alignment").iterdir()):
        audio, rate = soundfile.read(next(folder.glob("performance.*")), dtype="float32", always_2d=True)
        quarter, audio_s = read_truth(folder / "truth.csv")
        found = accuracy(errors(audio, read_score(next(folder.glob("score.*"))), quarter, audio_s, rate))
        assert found.lost == 0, folder.name
        assert found.within[3] >= 90, folder.name


def test_one_hand_alone_is_followed_in_the_score_of_both() -> None:
    score = minuet()
    right = score.note_pitch >= 66
    part = make_score(
        "right hand",
        np.stack([score.note_quarter, score.note_duration, score.note_pitch, score.note_velocity], axis=1)[right],
        tempi=[(0.0, 112.0)],
    )
    audio, played = sound(part, LOOSE)
    positions = follow(audio, score)
    found = np.interp(played.audio_s + 0.02, [p.at / RATE for p in positions], [p.quarter for p in positions])
    assert (np.abs(found - played.quarter) <= 0.5).mean() >= ONE_HAND


def test_what_the_other_hand_would_play_between_is_passed_in_time() -> None:
    """A melody in quarters over four broken-chord notes each, of which only the melody is played."""
    rng = np.random.default_rng(4)
    melody = [(float(i), 1.0, int(pitch), 76) for i, pitch in enumerate(rng.permutation(np.repeat(range(67, 83), 2)))]
    broken = [
        (q + k / 4, 0.25, 43 + (5 * int(q)) % 12 + step, 50) for q, *_ in melody for k, step in enumerate((0, 7, 4, 7))
    ]
    score = make_score("both hands", melody + broken, tempi=[(0.0, 70.0)])
    audio, played = sound(make_score("melody", melody, tempi=[(0.0, 70.0)]), LOOSE)
    positions = follow(audio, score)
    found = np.interp(played.audio_s + 0.02, [p.at / RATE for p in positions], [p.quarter for p in positions])
    assert (np.abs(found - played.quarter) <= 0.5).mean() >= 0.9


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "score", "share"),
    [("right_hand_only", "p10", 0.9), ("solo_score_full_audio", "solo14", 0.8), ("a415", "p10", 0.9)],
)
def test_rooms_and_instruments(shared: Path, name: str, score: str, share: float) -> None:
    """Onsets within half a quarter, by the bands alone: one hand, strings as loud as the solo, A = 415 Hz."""
    folder = shared.parent / "cases" / "audio"
    audio, rate = soundfile.read(folder / f"{name}.flac", dtype="float32", always_2d=True)
    quarter, audio_s = read_truth(folder / f"{name}.truth.csv")
    positions = follow(audio, read_score(folder / f"{score}.musicxml"), rate)
    found = np.interp(audio_s + 0.02, [p.at / rate for p in positions], [p.quarter for p in positions])
    assert (np.abs(found - quarter) <= 0.5).mean() >= share
