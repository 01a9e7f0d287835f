"""The mean of runs: of numbers known by hand, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from engine.core.errors import ModelError
from models.detection.config import CrnnConfig
from models.detection.network import Crnn
from offline.training.common.average import average_checkpoints, average_runs
from offline.training.common.checkpoint import read_checkpoint
from offline.training.common.config import AverageConfig
from offline.training.detection.init_weights import load_crnn

SMALL = CrnnConfig(classes=("hum",), filters=(4,) * 7, hidden=8)


def saved(path: Path, value: float, task: dict[str, object] | None = None) -> Path:
    weights = {"a": torch.full((2,), value), "n": torch.tensor(7)}
    torch.save({"task": task or {"n": 1}, "weights": weights, "step": int(10 * value), "trained_s": value}, path)
    return path


def averaged(paths: list[Path]) -> dict[str, object]:
    return average_runs([read_checkpoint(path) for path in paths])


def test_weights_are_the_mean_and_counters_the_first_ones(tmp_path: Path) -> None:
    paths = [saved(tmp_path / f"{value}.pt", value) for value in (1.0, 2.0, 6.0)]
    average_checkpoints(AverageConfig(checkpoints=tuple(paths), output=tmp_path / "mean"))
    mean = torch.load(tmp_path / "mean" / "checkpoint.pt", weights_only=True)
    assert mean["weights"]["a"].tolist() == [3.0, 3.0]
    assert mean["weights"]["n"] == 7
    assert (mean["step"], mean["trained_s"]) == (60, 6.0)  # of the longest run: what a release writes on the card


def test_levels_of_different_mixes_have_a_mean_too(tmp_path: Path) -> None:
    paths = [saved(tmp_path / f"{level}.pt", 1.0, {"n": 1, "level": level}) for level in (0.5, 0.25)]
    assert averaged(paths)["task"] == {"n": 1, "level": 0.375}


def test_an_older_run_need_not_know_every_setting(tmp_path: Path) -> None:
    old, new = saved(tmp_path / "old.pt", 1.0), saved(tmp_path / "new.pt", 2.0, {"n": 1, "later": 0})
    assert averaged([old, new])["weights"]["a"].tolist() == [1.5, 1.5]


def test_a_mean_is_a_checkpoint_like_any_other(tmp_path: Path) -> None:
    models = [Crnn(SMALL) for _ in range(2)]
    for i, model in enumerate(models):
        torch.save({"task": SMALL.as_dict(), "weights": model.state_dict()}, tmp_path / f"{i}.pt")
    average_checkpoints(AverageConfig(checkpoints=(tmp_path / "0.pt", tmp_path / "1.pt"), output=tmp_path))
    got = load_crnn(tmp_path / "checkpoint.pt")
    expected = (models[0].head.weight + models[1].head.weight) / 2
    assert torch.equal(got.head.weight, expected)


def test_other_networks_and_other_files_are_refused(tmp_path: Path) -> None:
    one, other = saved(tmp_path / "one.pt", 1.0), saved(tmp_path / "other.pt", 1.0, {"n": 2})
    with pytest.raises(ModelError, match="another one"):
        averaged([one, other])
    torch.save({"task": {"n": 1}, "weights": {"a": torch.zeros(3), "n": torch.tensor(7)}}, tmp_path / "wide.pt")
    with pytest.raises(ModelError, match="another one"):
        averaged([one, tmp_path / "wide.pt"])
    (tmp_path / "text.pt").write_text("no checkpoint")
    with pytest.raises(ModelError, match="a checkpoint of a training run"):
        averaged([one, tmp_path / "text.pt"])
    with pytest.raises(ModelError, match="a checkpoint of a training run"):
        averaged([tmp_path / "absent.pt"])
