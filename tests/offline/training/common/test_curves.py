"""Curves of a run: read back and drawn, even while it is being written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.core.errors import EngineError
from offline.training.common.config import PlotConfig
from offline.training.common.curves import plot_curves, read_curves


def test_reads_and_draws_a_run_that_is_still_writing(tmp_path: Path) -> None:
    lines = [{"step": k, "trained_s": 60.0 * k, "train": {"loss": 1 / (k + 1)}} for k in range(5)]
    lines.append({"step": 5, "trained_s": 300.0, "valid": {"gain": 3.5}})
    text = "\n".join(json.dumps(line) for line in lines) + '\n{"step": 6, "trai'
    (tmp_path / "curves.jsonl").write_text(text)
    assert read_curves(tmp_path / "curves.jsonl", "train") == {
        "loss": ([0, 1, 2, 3, 4], [1, 1 / 2, 1 / 3, 1 / 4, 1 / 5])
    }
    assert read_curves(tmp_path / "curves.jsonl", "valid") == {"gain": ([5], [3.5])}
    plot_curves(PlotConfig(folder=tmp_path))
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_a_folder_without_curves_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="curves of a training run"):
        plot_curves(PlotConfig(folder=tmp_path))
