"""The training loop: bounded, resumable to the bit, never taking in a step that overflowed."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from engine.core.errors import ConfigError
from offline.training.common import loop
from offline.training.common.config import LoopConfig
from offline.training.common.loop import Trainer, pick_device


class Line:
    """Fits a line to points that are drawn by number; `spoil` makes one loss overflow."""

    def __init__(self, spoil: int = -1) -> None:
        torch.manual_seed(0)
        self.model: nn.Module = nn.Linear(1, 1)
        self.spoil = spoil

    def loss(self, index: int) -> tuple[Tensor, dict[str, float]]:
        x = torch.rand(16, 1, generator=torch.Generator().manual_seed(index))
        loss = ((self.model(x) - 3 * x - 1) ** 2).mean()
        return (loss * float("inf") if index == self.spoil else loss), {"twice": 2 * float(loss.detach())}

    def validate(self, model: nn.Module) -> dict[str, float]:
        assert not model.training
        return {"slope": float(model.weight), "offset": float(model.bias)}

    def describe(self) -> dict[str, Any]:
        return {"shape": "line"}


def steps(trainer: Trainer, n: int) -> None:
    for _ in range(n):
        trainer._update(0.0)


CONFIG = LoopConfig(steps=500, learning_rate=0.05, warmup=5, average=0.9, validate_every_s=0, weight_decay=0)


def test_learns_in_its_steps_and_leaves_curves(tmp_path: Path) -> None:
    trainer = Trainer(Line(), tmp_path, CONFIG)
    figures = trainer.run()
    assert trainer.step == 500
    assert figures["slope"] == pytest.approx(3, abs=0.3)
    lines = [json.loads(line) for line in (tmp_path / "curves.jsonl").read_text().splitlines()]
    assert lines[-1]["valid"] == figures
    assert lines[-1]["trained_s"] > 0
    assert any("train" in line and line["train"]["twice"] == 2 * line["train"]["loss"] for line in lines)
    assert sum("valid" in line for line in lines) > 100  # after each step, where no time need pass between two


class Clock:
    """Time that passes a second a look, however fast the machine is."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        self.now_s += 1
        return self.now_s


@pytest.mark.parametrize("cpu", [False, True])
def test_minutes_end_by_the_clock(cpu: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "time", SimpleNamespace(**{"process_time" if cpu else "monotonic": Clock()}))
    config = LoopConfig(minutes=2, validate_every_s=30, save_every_s=1e9, cpu_time=cpu)
    trainer = Trainer(Line(), tmp_path, config)
    trainer.run()
    assert 120 / 5 < trainer.step < 120 / 3  # a step looks at the clock four times
    lines = [json.loads(line) for line in (tmp_path / "curves.jsonl").read_text().splitlines()]
    assert sum("valid" in line for line in lines) == 4
    assert trainer.trained_s >= 115


def test_the_rate_falls_with_what_is_used(tmp_path: Path) -> None:
    rates: list[float] = []
    trainer = Trainer(Line(), tmp_path, LoopConfig(steps=10, learning_rate=1.0, warmup=1, decay=0.5))
    update = trainer._update
    trainer._update = lambda done: (update(done), rates.append(trainer.optimiser.param_groups[0]["lr"]))[0]  # type: ignore[method-assign]
    trainer.run()
    assert rates == pytest.approx([1, 1, 1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2])
    trainer.run()
    assert trainer.step == 20  # the steps of a call, not of the run


def test_no_steps_only_validate(tmp_path: Path) -> None:
    trainer = Trainer(Line(), tmp_path, LoopConfig(steps=0))
    assert set(trainer.run()) == {"slope", "offset"}
    assert trainer.step == 0


def test_a_resumed_run_goes_on_to_the_bit(tmp_path: Path) -> None:
    whole, half = Trainer(Line(), tmp_path / "a", CONFIG), Trainer(Line(), tmp_path / "b", CONFIG)
    steps(whole, 20)
    steps(half, 12)
    half.save()
    resumed = Trainer(Line(), tmp_path / "b", CONFIG)
    resumed.resume()
    assert resumed.step == 12
    steps(resumed, 8)
    for a, b in ((whole.task.model, resumed.task.model), (whole.averaged.module, resumed.averaged.module)):
        for x, y in zip(a.parameters(), b.parameters(), strict=True):
            assert torch.equal(x, y)


def test_checkpoints_tell_what_they_hold(tmp_path: Path) -> None:
    trainer = Trainer(Line(), tmp_path, CONFIG)
    steps(trainer, 3)
    trainer.save()
    saved = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert saved["task"] == {"shape": "line"}
    assert set(saved["weights"]) == {"weight", "bias"}


def test_a_step_that_overflows_is_left_out(tmp_path: Path) -> None:
    trainer = Trainer(Line(spoil=3), tmp_path, CONFIG)
    steps(trainer, 3)
    before = [p.clone() for p in trainer.task.model.parameters()]
    steps(trainer, 1)
    assert all(torch.equal(p, q) for p, q in zip(trainer.task.model.parameters(), before, strict=True))
    steps(trainer, 1)
    assert all(torch.isfinite(p).all() for p in trainer.task.model.parameters())


def test_rate_warms_up_holds_and_falls(tmp_path: Path) -> None:
    trainer = Trainer(Line(), tmp_path, LoopConfig(learning_rate=1.0, warmup=10, decay=0.5))
    assert trainer._rate(0) == pytest.approx(0.1)
    trainer.step = 100
    assert [trainer._rate(done) for done in (0, 0.5, 0.75, 1)] == [1, 1, 0.5, 0]


def test_without_a_checkpoint_resuming_starts_anew(tmp_path: Path) -> None:
    trainer = Trainer(Line(), tmp_path, CONFIG)
    trainer.resume()
    assert trainer.step == 0


def test_a_device_that_is_not_there_is_one_line() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    assert pick_device().type == "cpu"
    with pytest.raises(ConfigError, match="CUDA"):
        pick_device("cuda")
