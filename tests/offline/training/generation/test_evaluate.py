"""The tables of `evaluate generators`, on a small corpus."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.core.errors import ModelError
from offline.training.generation.config import GenerationTraining, GeneratorEvaluation
from offline.training.generation.evaluate import evaluate_generators, sample_figures, step_table
from offline.training.generation.likelihood import trained_rnn_rbm
from offline.training.generation.train import train_generation


def corpus(n: int, seed: int) -> list[list[list[int]]]:
    rng = np.random.default_rng(seed)
    chords = np.array([[67, 62, 59, 55], [69, 64, 60, 57], [67, 60, 57, 50], [66, 62, 57, 43]])
    return [np.repeat(chords[rng.integers(0, 4, 40)], 4, axis=0).tolist() for _ in range(n)]


def test_the_baselines_are_always_in_the_table(tmp_path: Path) -> None:
    splits = {"train": corpus(6, 0), "valid": corpus(3, 1), "test": corpus(3, 2)}
    (tmp_path / "Jsb16thSeparated.json").write_text(json.dumps(splits))
    text = evaluate_generators(GeneratorEvaluation(models=("Markov",), data=tmp_path))
    rows = {line[:28].strip(): line[28:].split() for line in text.splitlines()[2:4]}
    assert float(rows["Markov, 4 blended orders"][0]) < float(rows["persistence"][0])
    assert "Bach, test" in text and "copied" in text


def test_a_corpus_is_like_itself_and_copied_whole() -> None:
    pieces = [np.array(p, np.int16)[:128] for p in corpus(4, 3)]
    figures = sample_figures(pieces, pieces, pieces)
    assert figures.count_overlap > 0.99
    assert figures.gap_overlap > 0.99
    assert figures.copied == 128


def test_a_machine_trained_on_another_set_is_in_its_row(folder: Path, tmp_path: Path) -> None:
    corpora = tmp_path / "corpora"
    corpora.mkdir()
    shutil.copy(folder / "JSB_Chorales.mat", corpora / "Nottingham.mat")
    config = GenerationTraining(
        system="RNN-RBM", rolls="Nottingham", data=corpora, output=tmp_path / "run", size="tiny", device="cpu"
    )
    train_generation(replace(config, loop=replace(config.loop, steps=2)))
    (row,) = step_table(corpora, "test", [tmp_path / "run"]).splitlines()[2:]
    assert row.startswith("Nottingham") and 0 < float(row.split()[-1]) < 100


def test_a_run_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="RNN-RBM --rolls SET"):
        trained_rnn_rbm(tmp_path)
    torch.save({"task": {"hidden": 3}, "weights": {}}, tmp_path / "checkpoint.pt")
    with pytest.raises(ModelError, match="expected a run of RNN-RBM"):
        trained_rnn_rbm(tmp_path)
