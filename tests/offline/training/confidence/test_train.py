"""The fit finds weights that are known, and the recipe runs over takes and names what the engine takes."""

from __future__ import annotations

import csv
import re
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import soundfile

from cli.app import main
from engine.following.confidence import INTERCEPT, N_EVIDENCE, WEIGHTS
from engine.following.config import FollowConfig
from engine.score.score import Score, make_score
from offline.datasets.hard_set import HardRow
from offline.evaluation.following import follow_piece
from offline.evaluation.hard import judge_take
from offline.following.presets import follow_by
from offline.music.musicxml_file import Printed, write_printed
from offline.training.confidence.train import ConfidenceFit, evidence_of, fit_weights
from tests.engine.following.play import RATE, sound

N_QUARTERS = 16
NEAR = 0.1  # of a weight: 20,000 moments leave so much to chance


def test_known_weights_are_found() -> None:
    rng = np.random.default_rng(0)
    known = ConfidenceFit(np.array([2.0, -1.0, 0.0]), 0.5)
    evidence = rng.normal(0, [1.0, 0.5, 3.0], (20_000, 3))
    found = fit_weights(evidence, rng.random(len(evidence)) < known.confidence(evidence), ridge=0.0)
    assert found.weights == pytest.approx(known.weights, abs=NEAR) and found.intercept == pytest.approx(0.5, abs=NEAR)


def write_take(folder: Path, seed: int) -> HardRow:
    """A melody of quarters, unlike that of any other seed, played by the built-in synthesiser."""
    folder.mkdir()
    pitches = np.random.default_rng(seed).integers(55, 80, N_QUARTERS).tolist()
    rows = [(float(q), 1.0, pitch, 70) for q, pitch in enumerate(pitches)]
    write_printed(folder / "score.musicxml", Printed(parts={"A": rows}, beats=4, n_bars=N_QUARTERS // 4, bpm=120))
    audio, played = sound(score_of(rows))
    soundfile.write(folder / "performance.flac", audio, RATE)
    truth = [("quarter", "audio_s", "segment"), *((q, s, 0) for q, s in enumerate(played.audio_s.tolist()))]
    end_s = len(audio) / RATE
    segments = [("start_s", "end_s", "first", "last", "kind", "disruption"), (0, end_s, 0, N_QUARTERS, "playing", "")]
    for name, table in (("truth.csv", truth), ("segments.csv", segments)):
        with (folder / name).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(table)
    return HardRow(
        take=folder.name,
        half="tuning",
        situation="clean",
        piece=f"piece-{seed}",
        value="",
        sounds="",
        seconds=f"{end_s:.1f}",
    )


def score_of(rows: list[tuple[float, float, int, int]]) -> Score:

    return make_score("melody", rows, tempi=[(0.0, 120.0)])


@pytest.fixture(scope="module")
def takes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[HardRow]]:
    folder = tmp_path_factory.mktemp("hard")
    rows = [write_take(folder / f"take_{seed}", seed) for seed in (1, 2)]
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        names = [each.name for each in fields(HardRow)]
        csv.writer(file).writerows([names, *([getattr(row, name) for name in names] for row in rows)])
    return folder, rows


def test_the_evidence_is_that_of_the_confidence(takes: tuple[Path, list[HardRow]]) -> None:
    folder, rows = takes
    found = evidence_of(folder / rows[0].take, rows[0], bands())
    assert found.evidence.shape == (len(found.outcome.near), N_EVIDENCE)
    whole = judge_take(folder / rows[0].take, rows[0], follow_piece(bands()))
    assert np.array_equal(found.outcome.near, whole.near)

    told = ConfidenceFit(np.array(WEIGHTS), INTERCEPT).confidence(found.evidence)
    begun = found.outcome.at_s > 0.5  # what is before the first position has no evidence
    assert told[begun] == pytest.approx(found.outcome.confidence[begun], abs=1e-9)


def bands() -> FollowConfig:
    return follow_by("bands")


def test_the_recipe_prints_what_the_engine_takes(
    takes: tuple[Path, list[HardRow]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "confidence", "--data", str(takes[0]), "--features", "bands"]) == 0
    told = capsys.readouterr().out
    assert "clean" in told and "on pieces left out" in told
    weights = re.search(r"^WEIGHTS = \((.*)\)$", told, re.MULTILINE)
    assert weights is not None and len(weights[1].split(",")) == N_EVIDENCE
    assert re.search(r"^INTERCEPT = -?[\d.e-]+$", told, re.MULTILINE)


def test_one_piece_is_too_few(takes: tuple[Path, list[HardRow]], capsys: pytest.CaptureFixture[str]) -> None:
    folder = takes[0]
    manifest = (folder / "manifest.csv").read_text().splitlines()
    try:
        (folder / "manifest.csv").write_text("\n".join(manifest[:2]))
        assert main(["train", "confidence", "--data", str(folder), "--features", "bands"]) == 2
    finally:
        (folder / "manifest.csv").write_text("\n".join(manifest))
    assert "at least two pieces" in capsys.readouterr().err
