"""Separation after each iteration: the curves of the paper's figures, of a song made here."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from cli.evaluate import hpss
from engine.core.errors import ConfigError
from engine.separation.config import HpssConfig
from offline.evaluation import peass
from offline.evaluation.hpss_iterations import (
    COVARIANCES,
    PUBLISHED_TRENDS,
    iteration_range,
    iteration_table,
    measure_iterations,
    write_iteration_csv,
)
from offline.evaluation.hpss_plot import draw_iterations
from offline.evaluation.peass import PEASS
from offline.evaluation.separation import hpss_scores, songs
from offline.separation.backfitting import separate_whole
from tests.songs import write_songs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_songs(tmp_path / "songs", {"a": {"drums": 700, "other": 2500}}, seconds=2.0)


def test_each_run_is_the_back_fitting_of_so_many_iterations(folder: Path, tmp_path: Path) -> None:
    scores = measure_iterations(folder, range(1, 3), "both")
    assert [(each.spatial, each.iterations) for each in scores] == [(False, 1), (False, 2), (True, 1), (True, 2)]
    _, reference, rate = next(songs(folder))
    for each in scores:
        config = HpssConfig(iterations=each.iterations, spatial=each.spatial)
        wanted = hpss_scores(reference, separate_whole(reference.sum(axis=1), rate, config), rate)
        np.testing.assert_array_equal(each.values, wanted)
    assert "add --peass" in iteration_table(scores)
    write_iteration_csv(tmp_path / "table.csv", scores)
    with (tmp_path / "table.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["iterations"] for row in rows] == ["1", "2", "1", "2"]
    assert float(rows[3]["SDR percussive"]) == pytest.approx(scores[3].values[0, 1], abs=0.005)


def test_figures_are_drawn_with_what_the_paper_says(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scored(references: np.ndarray, estimates: np.ndarray, sample_rate: int, targets: range) -> np.ndarray:
        return np.arange(8.0).reshape(2, 4)  # (part, score)

    monkeypatch.setattr("offline.evaluation.hpss_iterations.require_peass", lambda: None)
    monkeypatch.setattr("offline.evaluation.hpss_iterations.peass_scores", scored)
    scores = measure_iterations(folder, [1], "none", peass=True)
    assert scores[0].metrics[-4:] == PEASS
    np.testing.assert_array_equal(scores[0].values[-4:], np.arange(8.0).reshape(2, 4).T)
    names = {path.name for path in draw_iterations(tmp_path / "out", scores)}
    assert {"figure2.png", "figure3.png", "figure4.png", "figure5.png"} <= names
    assert "published, OPS percussive: rises to iteration 5" in iteration_table(scores)
    assert set(PUBLISHED_TRENDS) == set(PEASS)


@pytest.mark.parametrize("text", ["", "0", "3..1", "1..21", "a..b", "1-3"])
def test_other_ranges_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"FIRST..LAST"):
        iteration_range(text)


def test_peass_and_pictures_need_what_they_are_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(hpss.COVARIANCES) == set(COVARIANCES)
    for wanted in ({"peass": True}, {"plot": tmp_path}):
        with pytest.raises(ConfigError, match="--iterations beside it"):
            hpss.EvaluateHpssOptions(folder=tmp_path, **wanted)  # type: ignore[arg-type]
    monkeypatch.setattr(peass, "peass", None)
    with pytest.raises(ConfigError, match="pip install --no-deps python-peass"):
        measure_iterations(tmp_path, [1], peass=True)
