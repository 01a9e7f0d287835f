"""A live twin becomes a file with its card, or an error that says why not."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.core.errors import ModelError
from engine.core.format import AudioFormat
from engine.following.embedder import Embedder, EmbedderConfig
from models.similarity.config import PairMlpConfig
from models.similarity.network import PairMlp
from offline.training.similarity.config import SimilarityExport
from offline.training.similarity.export import export_similarity
from tests.networks.similarity import small_twin_model

FIELDS = {name: name for name in ("licence", "data", "split", "training", "metrics")}


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    model = small_twin_model()
    task = {"network": "live", "loss": "time", "config": model.config.as_dict()}
    path = tmp_path / "checkpoint.pt"
    torch.save({"weights": model.state_dict(), "task": task, "step": 7, "trained_s": 90.0}, path)
    return path


def export(checkpoint: Path, target: Path) -> Path:
    return export_similarity(SimilarityExport(checkpoint=checkpoint, output=target, **FIELDS))


def test_the_file_runs_and_its_card_is_its_own(checkpoint: Path, tmp_path: Path) -> None:
    target = tmp_path / "a" / "twin.onnx"
    assert export(checkpoint, target) == target
    card = tomllib.loads(target.with_suffix(".toml").read_text())
    assert card["sha256"] == hashlib.sha256(target.read_bytes()).hexdigest()
    assert card["network"]["hidden"] == 16 and card["checks"]["steps"] == 7
    assert card["checks"]["error"] < 1e-4 and card["licence"] == "licence"
    node = Embedder(EmbedderConfig(model=target), AudioFormat(sample_rate=44100, n_channels=2))
    assert node.process(np.zeros((4096, 2), np.float32)).shape == (8, 8)


def test_what_is_no_checkpoint_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "no.pt").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="train similarity"):
        export(tmp_path / "no.pt", tmp_path / "out.onnx")
    assert not (tmp_path / "out.onnx").exists()


def test_only_the_live_network_is_exported(tmp_path: Path) -> None:
    network = PairMlp(PairMlpConfig())
    task = {"network": "mlp", "feature": "semigram", "config": network.config.as_dict()}
    torch.save({"weights": network.state_dict(), "task": task}, tmp_path / "mlp.pt")
    with pytest.raises(ModelError, match="--architecture live"):
        export(tmp_path / "mlp.pt", tmp_path / "out.onnx")
