"""A twin becomes a file with its card, or an error that says why not."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.core.errors import ConfigError, ModelError
from engine.core.format import AudioFormat
from engine.following.embedder import Embedder, EmbedderConfig
from engine.following.similarity.frame_embedder import FrameEmbedder, FrameEmbedderConfig
from engine.following.similarity.planes import plane_rows
from models.similarity.config import PairMlpConfig
from models.similarity.network import PairMlp
from offline.training.similarity.config import SimilarityExport
from offline.training.similarity.data import load_take
from offline.training.similarity.export import export_similarity
from offline.training.similarity.pairs import feature_track
from tests.networks.similarity import CNN_AHEAD, small_cnn_model, small_twin_model
from tests.offline.training.similarity.test_train import write_take

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


@pytest.fixture
def cnn_checkpoint(tmp_path: Path) -> Path:
    model = small_cnn_model().network
    task = {"network": "cnn", "feature": "chroma", "augment": False, "config": model.config.as_dict()}
    path = tmp_path / "cnn.pt"
    torch.save({"weights": model.state_dict(), "task": task, "step": 5, "trained_s": 60.0}, path)
    return path


def test_the_published_network_is_served(cnn_checkpoint: Path, tmp_path: Path) -> None:
    """Its mean embedding over the takes is 0, so that cosines compare as distances do, and their level is known."""
    write_take(tmp_path / "take-0.npz", 0)
    target = tmp_path / "cnn.onnx"
    export_similarity(SimilarityExport(checkpoint=cnn_checkpoint, output=target, takes=tmp_path, **FIELDS))
    card = tomllib.loads(target.with_suffix(".toml").read_text())
    assert card["network"]["ahead"] == CNN_AHEAD and card["checks"]["error"] < 1e-4
    take = load_take(tmp_path / "take-0.npz")
    node = FrameEmbedder(FrameEmbedderConfig(model=target), AudioFormat(sample_rate=take.sample_rate, n_channels=1))
    rows = plane_rows(feature_track("chroma", take.audio, take.sample_rate).features)
    mean, scale = node.network.value("level", list)
    assert (mean, scale) == (pytest.approx(rows.mean(), rel=1e-4), pytest.approx(rows.std(), rel=1e-4))
    sound = np.concatenate([take.audio, np.zeros(node.latency, np.float32)])
    embedded = node.process(sound[:, None])[node.ahead :]
    assert np.abs(embedded.mean(axis=0)).max() < 0.3 * embedded.std()  # its own level is not that of the whole yet


def test_its_level_must_be_measured(cnn_checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--takes"):
        export_similarity(SimilarityExport(checkpoint=cnn_checkpoint, output=tmp_path / "cnn.onnx", **FIELDS))


def test_only_networks_with_embeddings_are_exported(tmp_path: Path) -> None:
    network = PairMlp(PairMlpConfig())
    task = {"network": "mlp", "feature": "semigram", "config": network.config.as_dict()}
    torch.save({"weights": network.state_dict(), "task": task}, tmp_path / "mlp.pt")
    with pytest.raises(ModelError, match="--architecture live"):
        export(tmp_path / "mlp.pt", tmp_path / "out.onnx")
