"""Checkpoints: read back as they were written, and one clear line for anything else."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from engine.core.errors import ModelError
from offline.training.common.checkpoint import read_checkpoint, read_state, restore, write_state

WHAT = "a checkpoint of `train lines`"


def saved(path: Path, **more: object) -> nn.Linear:
    line = nn.Linear(1, 2)
    write_state(path, {"task": {"n": 2}, "weights": line.state_dict(), **more})
    return line


def test_a_network_is_restored_with_its_weights(tmp_path: Path) -> None:
    line = saved(tmp_path / "c.pt", step=3, trained_s=60.0, config={"seed": 1})
    network, found = restore(tmp_path / "c.pt", lambda task: nn.Linear(1, task["n"]), WHAT)
    assert torch.equal(network.weight, line.weight) and not network.training
    assert (found.step, found.trained_s, found.config, found.loop) == (3, 60.0, {"seed": 1}, {})
    assert [path.name for path in tmp_path.iterdir()] == ["c.pt"]


def test_what_is_no_checkpoint_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.pt").write_text("nothing")
    saved(tmp_path / "c.pt")
    for path in (tmp_path / "text.pt", tmp_path / "absent.pt"):
        with pytest.raises(ModelError, match="a checkpoint of `train lines`"):
            read_checkpoint(path, WHAT)
    for build in (lambda task: nn.Linear(1, 3), lambda task: nn.Linear(1, task["other"])):
        with pytest.raises(ModelError, match="a checkpoint of `train lines`"):
            restore(tmp_path / "c.pt", build, WHAT)


def test_a_kill_while_writing_leaves_the_old_one(tmp_path: Path) -> None:
    saved(tmp_path / "c.pt", step=1)
    with pytest.raises(TypeError, match="cannot pickle"):
        write_state(tmp_path / "c.pt", {"step": open(tmp_path / "other", "w")})  # noqa: SIM115
    assert read_state(tmp_path / "c.pt")["step"] == 1
