"""The paper's table on pieces of our own: every row aligns, decisions make paths, and the print says what it is."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.core.errors import EngineError
from models.similarity.config import PairMlpConfig, SiameseCnnConfig
from models.similarity.network import PairMlp, SiameseCnn
from offline.batch.piece_folders import find_pieces
from offline.datasets.corpus_scores import Library
from offline.datasets.performances import TakeConfig, perform_piece, write_take
from offline.evaluation.onsets import Accuracy
from offline.synthesis.fluidsynth import installed_soundfonts
from offline.synthesis.pianist import PianistConfig
from offline.training.common.config import LoopConfig
from offline.training.common.loop import Trainer
from offline.training.similarity.binary_path import binary_costs, cheapest_path
from offline.training.similarity.config import PairConfig, SimilarityTable
from offline.training.similarity.pairs import PairSet
from offline.training.similarity.paper_methods import similarity_methods
from offline.training.similarity.paper_table import (
    PUBLISHED_ALIGNMENT,
    _text,
    measure_piece_similarity,
    similarity_table,
)
from offline.training.similarity.train import CnnTask, MlpTask
from tests.networks.similarity import small_twin
from tests.offline.datasets.test_performances import needs_sound


@pytest.mark.parametrize("seed", range(5))
def test_paths_cost_the_least(seed: int) -> None:
    costs = (np.random.default_rng(seed).random((50, 70)) < 0.5).astype(np.uint8)
    total = np.full((51, 71), np.inf)
    total[0, 0] = 0
    for i, j in np.ndindex(50, 70):  # equation (3)
        total[i + 1, j + 1] = costs[i, j] + min(total[i, j], total[i, j + 1], total[i + 1, j])
    path = cheapest_path(costs.copy())
    assert np.array_equal(path, cheapest_path(costs.astype(np.float32)))
    assert costs[path[:, 0], path[:, 1]].sum() == total[-1, -1]
    assert path[0].tolist() == [0, 0] and path[-1].tolist() == [49, 69]
    steps = np.diff(path, axis=0)
    assert ((steps >= 0) & (steps <= 1)).all() and (steps.sum(axis=1) > 0).all()


def test_decisions_are_distances_above_the_threshold() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((300, 5)).astype(np.float32), rng.standard_normal((40, 5)).astype(np.float32)
    wanted = np.linalg.norm(a[:, None] - b[None], axis=2) > 2.5
    assert np.array_equal(binary_costs(a, b, 2.5), wanted.astype(np.uint8))


def test_the_table_has_both_matrices() -> None:
    result = Accuracy(within=(10.0, 20.0, 30.0, 40.0), mean_s=0.1, median_s=0.1, p95_s=0.1, lost=0.0, n=3)
    rows = _text({("A", True): result, ("A", False): result, ("B", False): result})
    assert not any("published" in row[0] for row in rows)
    assert _text({("MATCH", False): result})[2][7].strip() == "64.8"
    for name in ("SCNN cqt + DA", "SCNN cqt + DA + tempo", "SCNN cqt + DA + tempo + near"):
        assert _text({(name, False): result})[2][7].strip() == "69.6"
    assert [row[0].strip() for row in rows] == ["Model", "A", "B"]
    assert [cell.strip() for cell in rows[2][2:6]] == ["-"] * 4 and rows[2][7].strip() == "10.0"


@pytest.fixture(scope="module")
def piece(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pieces")
    played_by = installed_soundfonts()[:1]  # the same wherever the tests run
    config = TakeConfig(
        soundfonts=tuple(played_by),
        seconds=8,
        clean=True,
        mistuned=0,
        style=PianistConfig(wander=0.01, jumps=0, fermatas=0),
    )
    write_take(folder / "own_one", perform_piece(Library(), "composed-9", seed=2, config=config))
    return folder


@needs_sound
def test_hand_made_features_align(piece: Path) -> None:
    found = measure_piece_similarity(find_pieces(piece).pieces[0], similarity_methods(), installed_soundfonts()[0])
    for name, least in (
        ("DTW CQT", 80),
        ("DTW spectral bands, 23 ms", 80),
        ("MATCH", 80),
        ("MATCH, path as told live", 30),
    ):
        result = found[name, False]["nearest frame"]
        assert result.lost == 0 and result.within[2] > least  # percent within 100 ms


def test_a_folder_without_runs_is_told_with_the_recipe(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="siamese-table"):
        similarity_methods(tmp_path)


@needs_sound
def test_every_kind_of_network_is_a_row(piece: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    none = PairSet([], PairConfig(feature="chroma"))
    cnn = CnnTask(SiameseCnn(SiameseCnnConfig(width=1 / 64, n_embedding=4)), none, none)
    for task, name in ((cnn, "chroma"), (MlpTask(PairMlp(PairMlpConfig()), none, none), "mlp")):
        Trainer(task, tmp_path / name, LoopConfig(steps=0)).save()
    twin, csv_path, picture = small_twin(), tmp_path / "table.csv", tmp_path / "table.png"
    rows = similarity_methods(tmp_path, twin)
    asked = SimilarityTable(folder=piece, networks=tmp_path, live=twin, device="cpu", csv=csv_path, plot=picture)
    text = similarity_table(asked)
    names = {(row.name, row.binary) for row in rows}
    assert {("SCNN chroma", True), ("SCNN chroma", False), ("MLP semigram", True)} <= names
    assert text.count("SCNN chroma") == 2 and text.count("  published") == 2 * 4  # MATCH, DTW chroma, MLP, SCNN
    assert picture.read_bytes().startswith(b"\x89PNG")
    with csv_path.open() as file:
        lines = list(csv.DictReader(file))
    assert {line["protocol"] for line in lines} == {"first reach", "nearest frame"}
    each = Counter(line["piece"] for line in lines)
    assert each == {"mean": 2 * len(names), "own_one": 2 * len(names), "published": len(PUBLISHED_ALIGNMENT)}
    assert {line["matrix"] for line in lines} == {"binary", "distance"}
