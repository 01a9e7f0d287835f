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
from offline.training.similarity.export import main, ship
from tests.networks.similarity import small_twin_model

FIELDS: dict[str, object] = {name: name for name in ("licence", "data", "split", "training", "metrics")}


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    model = small_twin_model()
    task = {"network": "live", "loss": "time", "config": model.config.as_dict()}
    path = tmp_path / "checkpoint.pt"
    torch.save({"weights": model.state_dict(), "task": task, "step": 7, "trained_s": 90.0}, path)
    return path


def test_the_file_runs_and_its_card_is_its_own(checkpoint: Path, tmp_path: Path) -> None:
    target = tmp_path / "twin.onnx"
    found = ship(checkpoint, target, FIELDS)
    card = tomllib.loads(target.with_suffix(".toml").read_text())
    assert card["sha256"] == hashlib.sha256(target.read_bytes()).hexdigest()
    assert card["network"]["hidden"] == 16 and card["checks"]["steps"] == found["steps"] == 7
    node = Embedder(EmbedderConfig(model=target), AudioFormat(sample_rate=44100, n_channels=2))
    assert node.process(np.zeros((4096, 2), np.float32)).shape == (8, 8)


def test_what_is_no_checkpoint_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "no.pt").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="train siamese"):
        ship(tmp_path / "no.pt", tmp_path / "out.onnx", FIELDS)
    assert not (tmp_path / "out.onnx").exists()


def test_the_command_ships(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = [part for name, value in FIELDS.items() for part in (f"--{name}", str(value))]
    main([str(checkpoint), str(tmp_path / "a" / "twin.onnx"), *options])
    assert "megabytes" in capsys.readouterr().out and (tmp_path / "a" / "twin.toml").exists()
