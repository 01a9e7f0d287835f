"""Separation metrics: against museval's figures, the definitions, and a folder of stems."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from offline.evaluation.separation import METHODS, evaluate_stems, global_sdr, half, oracle, sdr, si_sdr, songs
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
    nothing, baseline, ours, best = (float(scores[name].mean()) for name in names)
    assert nothing < baseline < best
    assert nothing < ours < best


def test_estimates_of_every_method_have_the_shape_of_the_references(folder: Path) -> None:
    _, reference, rate = next(songs(folder, seconds=2.3))
    assert reference.shape == (round(2.3 * 44100), 2, 2)
    for method in (half, oracle):
        estimate = method(reference, rate)
        assert estimate.shape == reference.shape
        np.testing.assert_allclose(estimate.sum(axis=1), reference.sum(axis=1), atol=FLOAT32)
