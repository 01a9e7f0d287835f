"""Takes on disk: whole, resumable, and shifted in pitch with their truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cli.data.making import make_missing
from engine.core.errors import EngineError
from offline.datasets.corpus_scores import Library
from offline.datasets.performances import TakeConfig
from offline.training.similarity.data import load_take, shift_pitch, stored_takes
from offline.training.take_jobs import TakesJob, library_items
from tests.offline.datasets.test_performances import needs_sound

RATE = 22050


def render(folder: Path, n: int, *, small: bool = False) -> tuple[int, int]:
    job = TakesJob(take=TakeConfig(sample_rate=RATE, seconds=6, mistuned=0), small=small)
    return make_missing(job, library_items(Library().names("train", n), TakesJob.ending), folder, "take")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("takes")
    render(path, 2)
    return path


@needs_sound
def test_takes_come_back_whole(folder: Path) -> None:
    paths = stored_takes(folder)
    assert len(paths) == 2
    take = load_take(paths[0])
    assert len(take.audio) == pytest.approx(len(take.synchronous), abs=1)
    assert (np.diff(take.played_s) > 0).all() and len(take.played_s) == len(take.plain_s)
    assert take.keys.shape[1] == 3 and take.keys[:, 1].max() * RATE < len(take.audio)


@needs_sound
def test_what_is_there_is_not_rendered_again(folder: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in stored_takes(folder)}
    assert render(folder, 2) == (0, 0)
    assert before == {path: path.stat().st_mtime_ns for path in stored_takes(folder)}


@needs_sound
def test_a_shift_moves_pitch_and_truth_alike(folder: Path) -> None:
    take = load_take(stored_takes(folder)[0])
    higher = shift_pitch(take, 100.0)
    factor = 2 ** (1 / 12)
    assert len(higher.audio) == pytest.approx(len(take.audio) / factor, abs=2)
    assert np.allclose(higher.played_s * factor, take.played_s) and higher.speed == pytest.approx(factor)
    strongest = [
        np.argmax(np.abs(np.fft.rfft(sound[:n], 1 << 20)))
        for sound, n in ((take.audio, 3 * RATE), (higher.audio, round(3 * RATE / factor)))
    ]
    assert strongest[1] / strongest[0] == pytest.approx(factor, rel=1e-3)


@needs_sound
def test_small_takes_sound_alike_and_start_alike(folder: Path, tmp_path: Path) -> None:
    render(tmp_path, 1, small=True)
    small = load_take(stored_takes(tmp_path)[0])
    whole = load_take(folder / f"{small.name}.npz")
    assert stored_takes(tmp_path)[0].stat().st_size < 0.3 * (folder / f"{small.name}.npz").stat().st_size
    assert len(small.synchronous) == len(whole.synchronous)
    ratio = np.sum((small.synchronous - whole.synchronous) ** 2) / np.sum(whole.synchronous**2)
    assert ratio < 0.05  # 13 dB below: no shift in time


def test_an_empty_folder_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="data takes"):
        stored_takes(tmp_path)
