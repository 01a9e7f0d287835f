"""Separation metrics: against museval's figures, the definitions, and a folder of stems."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from offline.evaluation import separation
from offline.evaluation.separation import (
    COMPARED,
    METHODS,
    evaluate_hpss_folder,
    evaluate_stems,
    global_sdr,
    half,
    hpss_scores,
    librosa_hpss,
    mean_scores,
    oracle,
    sdr,
    si_sdr,
    song_table,
    songs,
)
from tests.tolerances import FLOAT32

RNG = np.random.default_rng(0)
RATE = 8000


def pair(seconds: float = 4) -> np.ndarray:
    return RNG.standard_normal((round(seconds * RATE), 2, 2)).astype(np.float32)


def test_sdr_is_musevals() -> None:
    """Made with museval 0.4.1: metrics.bss_eval(window=hop=rate, compute_permutation=False), median over windows."""
    generator = np.random.default_rng(7)
    reference = generator.standard_normal((2, 5 * 1000, 2))
    estimate = reference + np.array([0.3, 0.6])[:, None, None] * generator.standard_normal(reference.shape)
    estimate[1] *= 0.8
    given = sdr(reference.transpose(1, 0, 2), estimate.transpose(1, 0, 2), 1000)
    np.testing.assert_allclose(given, MUSEVAL, rtol=FLOAT32)


MUSEVAL = [10.495426651170561, 5.642120949667638]


def test_without_a_window_there_is_no_figure() -> None:
    assert np.isnan(sdr(np.zeros((2 * RATE, 2, 2), np.float32), pair(2), RATE)).all()


def test_silent_windows_do_not_count() -> None:
    reference, error = pair(), 0.1 * pair()
    reference[:RATE, 1] = 0  # drums that rest for a second
    whole = sdr(reference, reference + error, RATE)
    np.testing.assert_allclose(whole, sdr(reference[RATE:], (reference + error)[RATE:], RATE))


def test_global_sdr_is_the_ratio_of_powers() -> None:
    reference = pair()
    np.testing.assert_allclose(global_sdr(reference, 0.9 * reference), 20, rtol=FLOAT32)


def test_si_sdr_does_not_see_the_level() -> None:
    reference = pair()
    noisy = reference + 0.1 * pair()
    np.testing.assert_allclose(si_sdr(reference, 0.5 * noisy), si_sdr(reference, noisy), rtol=FLOAT32)
    assert np.all(np.abs(si_sdr(reference, noisy) - 20) < 0.5)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One song: a tone in two stems, clicks as drums."""
    t = np.arange(6 * 44100)
    tone = 0.2 * np.sin(2 * np.pi * 440 * t / 44100)
    drums = np.where(t % 22050 < 300, 0.3 * RNG.standard_normal(len(t)), 0)
    (tmp_path / "song").mkdir()
    for name, signal in (("drums", drums), ("bass", tone), ("other", tone)):
        soundfile.write(tmp_path / "song" / f"{name}.wav", np.stack([signal, signal], axis=1), 44100, subtype="FLOAT")
    return tmp_path


def test_the_order_of_a_folder_of_songs_is_right(folder: Path) -> None:
    names = ("mixture / 2", "librosa, 17 frames, 17 bins", "live, tuned", "oracle ratio mask")
    scores = evaluate_stems(folder, {name: METHODS[name] for name in names})
    nothing, baseline, ours, best = (float(mean_scores(scores[name].values()).mean()) for name in names)
    assert nothing < baseline < best
    assert nothing < ours < best


def test_estimates_of_every_method_have_the_shape_of_the_references(folder: Path) -> None:
    _, reference, rate = next(songs(folder, seconds=2.3))
    assert reference.shape == (round(2.3 * 44100), 2, 2)
    for method in (half, oracle):
        estimate = method(reference, rate)
        assert estimate.shape == reference.shape
        np.testing.assert_allclose(estimate.sum(axis=1), reference.sum(axis=1), atol=FLOAT32)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("silent", "defined"), [(0, 1), (1, 0)])
def test_a_silent_reference_has_no_figures_and_the_other_is_measured_alone(silent: int, defined: int) -> None:
    reference = pair()
    reference[:, silent] = 0
    estimate = reference + 0.1 * pair()
    scores = hpss_scores(reference, estimate, RATE)
    assert np.isnan(scores[:, silent]).all()
    np.testing.assert_allclose(scores[:, defined], 20, atol=0.5)
    assert np.isnan(hpss_scores(np.zeros_like(reference), estimate, RATE)).all()


def test_means_are_over_what_is_defined() -> None:
    rows = [np.array([[1.0, np.nan], [3.0, np.nan]]), np.array([[2.0, 5.0], [np.nan, np.nan]])]
    np.testing.assert_array_equal(mean_scores(rows), [[1.5, 5.0], [3.0, np.nan]])


@pytest.mark.filterwarnings("error")
def test_a_folder_where_drums_are_silent_prints_no_nan(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(separation, "METHODS", {"mixture / 2": half, "librosa, 17 frames, 17 bins": librosa_hpss})
    quiet = folder / "quiet"
    quiet.mkdir()
    tone, rate = soundfile.read(folder / "song" / "other.wav", dtype="float32")
    soundfile.write(quiet / "other.wav", tone, rate, subtype="FLOAT")
    soundfile.write(quiet / "drums.wav", np.zeros((rate, 1), np.float32), rate, subtype="FLOAT")  # shorter, and mono
    soundfile.write(quiet / "mixture.wav", tone, rate, subtype="FLOAT")
    (quiet / "notes.txt").write_text("no sound")
    table = tmp_path / "table.csv"
    evaluate_hpss_folder(folder, csv=table)
    printed = capsys.readouterr()
    assert "nan" not in printed.out.lower() + table.read_text().lower() and not printed.err
    assert "quiet: the percussive reference is silent; its figures are undefined and left out" in printed.out
    rows = {tuple(line.split('","')[:2]): line for line in table.read_text().splitlines()}
    assert len(rows) == 1 + 2 * 2 + 2  # header, two songs and their mean by two methods
    assert '"-"' in rows['"quiet', "mixture / 2"]


def test_drums_alone_have_an_empty_rest(folder: Path) -> None:
    for name in ("bass", "other"):
        (folder / "song" / f"{name}.wav").unlink()
    _, reference, _ = next(songs(folder))
    assert not reference[:, 0].any() and reference[:, 1].any()


def test_the_table_has_a_row_a_song_and_the_peers_beside_ours(folder: Path) -> None:
    header, *rows = song_table(evaluate_stems(folder, {name: METHODS[name] for name in COMPARED}, seconds=2))
    assert header[1:] == list(COMPARED)
    assert [row[0] for row in rows] == ["song"]
    assert all(len(row) == len(header) for row in rows)
