"""Whole-file alignment on sounds whose onsets are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from cli.app import main
from engine.core.errors import EngineError, ShapeError
from engine.following.follower import FollowConfig, follow_frames
from engine.score.score import Score, make_score
from offline.alignment.alignment import AlignConfig, align, write_alignment
from offline.alignment.repeats_and_cuts import PlayedPart, as_played
from offline.alignment.tuning import measure_profile
from offline.alignment.viterbi import feature_blocks
from offline.evaluation.alignment import track_of_alignment
from offline.evaluation.onsets import read_truth
from offline.recording import Recording
from offline.synthesis.demo_performance import PerformConfig
from offline.synthesis.demo_piece import minuet, write_demo_midi
from tests.engine.following.play import RATE, scale, sound

NEAR_S = 0.025  # the measure's own finest threshold


def recording(score: Score, seed: int = 0, **how: float) -> tuple[Recording, np.ndarray]:
    """The score played by the built-in synthesiser, and when its onsets sound."""
    audio, played = sound(score, PerformConfig(start_s=0.5, **how), seed=seed)
    return Recording.of(audio, RATE), played.audio_s


def test_every_onset_of_a_free_performance() -> None:
    take, truth = recording(minuet(), seed=3, tempo=0.8)
    result = align(minuet(), take)
    assert result.quarter.tolist() == minuet().onset_quarter.tolist()
    error_s = np.abs(result.audio_s - truth)
    assert np.mean(error_s <= NEAR_S) > 0.97 and error_s.max() < 0.1
    assert (np.diff(result.audio_s) > 0).all() and result.trust > 0.7


def test_the_best_path_does_not_depend_on_blocks(tmp_path: Path) -> None:
    take, _ = recording(scale(24))
    soundfile.write(tmp_path / "take.wav", take.source, RATE, subtype="FLOAT")
    from_file = align(scale(24), Recording.open(tmp_path / "take.wav"))
    assert np.array_equal(from_file.audio_s, align(scale(24), take).audio_s)


def test_what_was_not_played_is_empty(tmp_path: Path) -> None:
    take, truth = recording(scale(30))
    end = int((truth[14] - 0.1) * RATE)
    result = align(scale(30), Recording.of(take.source[:end], RATE))
    assert np.isfinite(result.audio_s[:14]).all() and np.isnan(result.audio_s[15:]).all()
    write_alignment(tmp_path / "a.csv", result)
    rows = (tmp_path / "a.csv").read_text().splitlines()
    assert rows[0] == "quarter,score_s,audio_s" and len(rows) == 1 + 30
    assert rows[-1].endswith(",") and not rows[1].endswith(",")
    assert len(track_of_alignment(result).at_s) == np.isfinite(result.audio_s).sum()


def test_an_onset_that_was_left_out_lies_between_its_neighbours() -> None:
    whole = scale(30)
    rows = np.stack([whole.note_quarter, whole.note_duration, whole.note_pitch, whole.note_velocity], axis=1)
    kept = np.abs(whole.note_quarter - 6.5) > 0.01
    take, truth = recording(make_score("holed", rows[kept], tempi=[(0.0, 100.0)]))
    result = align(whole, take)
    assert np.argmin(result.confidence) == 13
    played = np.delete(np.arange(30), 13)
    assert np.abs(result.audio_s[played] - truth).max() < 0.05
    assert result.audio_s[12] < result.audio_s[13] < result.audio_s[14]


def test_by_chroma() -> None:
    take, truth = recording(minuet(), seed=4)
    config = AlignConfig()
    features = type(config.follow.features)(kind="chroma")
    result = align(minuet(), take, AlignConfig(follow=FollowConfig(features=features)))
    assert np.mean(np.abs(result.audio_s - truth) < 0.1) > 0.95


def test_silence_and_nonsense_are_refused() -> None:
    with pytest.raises(ShapeError):
        Recording.of(np.zeros((0, 1), np.float32), RATE)
    with pytest.raises(EngineError, match=r"music of scale, got silence"):
        align(scale(), Recording.of(np.zeros((RATE, 1), np.float32), RATE))


def test_frames_as_many_as_the_recording_has() -> None:
    take, _ = recording(scale(8))
    frames = follow_frames(take.format)
    n = sum(len(rows) for rows in feature_blocks(take, FollowConfig(), measure_profile(take), 0)[1])
    assert n == (take.n_samples + 2 * frames.n_fft) // frames.hop


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    take, truth = recording(minuet(), seed=5)
    soundfile.write(tmp_path / "take.wav", take.source, RATE)
    write_demo_midi(tmp_path / "score.mid")
    truth_rows = [f"{q},{t}\n" for q, t in zip(minuet().onset_quarter, truth, strict=True)]
    (tmp_path / "truth.csv").write_text("quarter,audio_s\n" + "".join(truth_rows))
    options = ["-o", tmp_path / "a.csv", "--plot", tmp_path / "a.png", "--truth", tmp_path / "truth.csv"]
    assert main([str(a) for a in ("align", tmp_path / "score.mid", tmp_path / "take.wav", *options)]) == 0
    assert "onsets" in capsys.readouterr().out
    quarter, audio_s = read_truth(tmp_path / "a.csv")
    assert np.mean(np.abs(audio_s - truth) < NEAR_S) > 0.95 and len(quarter) == len(truth)
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"
    assert main(["align", str(tmp_path / "none.mid"), str(tmp_path / "take.wav"), "-o", "x.csv"]) == 2


def test_a_recording_as_the_score(tmp_path: Path) -> None:
    rehearsal, first = recording(minuet(), seed=6)
    take, second = recording(minuet(), seed=7, tempo=1.2)
    for name, audio in (("rehearsal", rehearsal), ("take", take)):
        soundfile.write(tmp_path / f"{name}.wav", audio.source, RATE)
    assert (
        main(["align", str(tmp_path / "rehearsal.wav"), str(tmp_path / "take.wav"), "-o", str(tmp_path / "a.csv")]) == 0
    )
    quarter, audio_s = read_truth(tmp_path / "a.csv")
    assert np.mean(np.abs(np.interp(first, quarter, audio_s) - second) < 0.05) > 0.9


def test_evaluation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    take, truth = recording(minuet(), seed=8)
    folder = tmp_path / "own_minuet"
    folder.mkdir()
    soundfile.write(folder / "performance.wav", take.source, RATE)
    write_demo_midi(folder / "score.mid")
    rows = [f"{q},{t}\n" for q, t in zip(minuet().onset_quarter, truth, strict=True)]
    (folder / "truth.csv").write_text("quarter,audio_s\n" + "".join(rows))
    table, plots = tmp_path / "t.csv", tmp_path / "plots"
    assert main(["evaluate", "align", str(tmp_path), "--csv", str(table), "--plots", str(plots)]) == 0
    assert "nearest frame" in capsys.readouterr().out
    header, reach, nearest = table.read_text().splitlines()
    assert reach.startswith("first reach,own_minuet,") and nearest.startswith("nearest frame,own_minuet,")
    assert float(reach.split(",")[2]) > 95 and header.endswith("onsets")
    assert (plots / "own_minuet.png").is_file()


@pytest.mark.parametrize("cents", [pytest.param(-100.0, marks=pytest.mark.slow), -40.0, 52.0])
def test_out_of_tune(cents: float) -> None:
    take, truth = recording(minuet(), seed=9)
    shifted = Recording.of(take.source, round(RATE * 2 ** (cents / 1200)))  # faster, and so sharp
    assert (measure_profile(shifted).cents - cents + 50) % 100 - 50 == pytest.approx(0, abs=8)
    result = align(minuet(), shifted)
    assert np.mean(np.abs(result.audio_s - truth / 2 ** (cents / 1200)) < NEAR_S) > 0.95


def test_every_chord_note_counts() -> None:
    """A spread chord is where the median of its notes is, not where the first begins."""
    rows = [(float(i), 1.0, pitch, 70) for i in range(24) for pitch in (48 + i % 5, 60 + i % 7, 67 + i % 3)]
    score = make_score("chords", rows, tempi=[(0.0, 60.0)])
    take, truth = recording(score, spread_ms=25.0)
    coarse = align(score, take, AlignConfig(notes=None))
    fine = align(score, take)
    size = [float(np.mean(np.abs(a.audio_s - truth))) for a in (coarse, fine)]
    assert size[1] < size[0] and size[1] < 0.015


@pytest.mark.slow
def test_noise_before_the_music() -> None:
    take, truth = recording(minuet(), seed=10)
    random = np.random.default_rng(0)
    quiet = random.normal(0, 0.003, (4 * RATE, 1)).astype(np.float32)
    noisy = np.concatenate([quiet, take.source + random.normal(0, 0.003, take.source.shape).astype(np.float32)])
    result = align(minuet(), Recording.of(noisy, RATE))
    assert np.mean(np.abs(result.audio_s - 4 - truth) < NEAR_S) > 0.95


def spliced(score: Score, *parts: tuple[float, float], seed: int = 11) -> tuple[Recording, list[tuple[float, float]]]:
    """Parts (from, to quarter) of one performance, one after another, and each onset's quarter and time."""
    take, truth = recording(score, seed=seed)
    ends = np.append(truth - 0.02, len(take.source) / RATE)
    pieces, played, now = [], [], 0.0
    for start, stop in parts:
        first, last = np.searchsorted(score.onset_quarter, [start - 1e-3, stop - 1e-3])
        pieces.append(take.source[int(ends[first] * RATE) : int(ends[last] * RATE)])
        chosen = slice(first, last)
        played += zip(score.onset_quarter[chosen], truth[chosen] - ends[first] + now, strict=True)
        now += len(pieces[-1]) / RATE
    return Recording.of(np.concatenate(pieces), RATE), played


@pytest.mark.parametrize("parts", [((0, 48), (24, 144)), ((0, 108), (126, 144))], ids=["again", "left out"])
def test_parts_left_out_or_played_again(parts: tuple[tuple[float, float], ...], tmp_path: Path) -> None:
    take, played = spliced(minuet(), *parts)
    result = align(minuet(), take)
    found = np.isfinite(result.audio_s)
    assert (np.diff(result.audio_s[found]) > 0).all()
    assert found.sum() == len(played)
    quarter, audio_s = np.array(played).T
    near = np.abs(result.audio_s[found] - audio_s) < 0.1
    assert np.mean(near & (np.abs(result.quarter[found] - quarter) < 1e-3)) > 0.9
    assert set(result.quarter) == set(minuet().onset_quarter)  # what was never played has its row too
    assert result.confidence[~found].max(initial=0.0) == 0.0
    straight = align(minuet(), take, AlignConfig(jumps=None))
    assert straight.quarter.tolist() == minuet().onset_quarter.tolist()


def test_a_score_as_it_was_played() -> None:
    score = minuet()
    n = len(score.onset_quarter)
    played = as_played(score, [PlayedPart(0, 40), PlayedPart(20, n)])
    assert played.onset.tolist() == [*range(40), *range(20, n)]
    assert len(played.score.onset_quarter) == n + 20 and played.n_jumps == 1
    gap = score.onset_quarter[40] - score.onset_quarter[39]  # the last onset before the jump lasts as it is written
    assert played.score.onset_quarter[40] - played.score.onset_quarter[39] == pytest.approx(gap)
    steps = np.diff(score.seconds(score.onset_quarter))
    again = np.diff(played.score.seconds(played.score.onset_quarter))
    assert again == pytest.approx([*steps[:40], *steps[20:]])


def test_another_piece_is_not_trusted() -> None:
    take, _ = recording(scale(60), seed=12)
    assert align(minuet(), take).trust < 0.5 < align(scale(60), take).trust
