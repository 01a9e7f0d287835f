"""One training loop for every network here: bounded in time, resumable, with curves.

A task brings the model, its losses and its validation; the loop brings the optimiser, a learning rate that warms up,
holds and falls to nothing at the end of the time given, a running average of the weights (which is what gets
validated and shipped), checkpoints and curves. Batches are drawn by number, so a resumed run goes on where it stood.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from engine.core.config import require
from engine.core.errors import ConfigError

__all__ = ["LoopConfig", "Task", "Trainer", "autocast", "pick_device"]

CHECKPOINT = "checkpoint.pt"
CURVES = "curves.jsonl"


class Task(Protocol):
    """What is trained."""

    model: nn.Module

    def loss(self, index: int) -> tuple[Tensor, dict[str, float]]:
        """The loss of batch number `index`, and numbers for the curves."""
        ...

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Figures of `model` (in eval mode, without gradients) on data that is not trained on."""
        ...

    def describe(self) -> dict[str, Any]:
        """Plain values that rebuild the model: written into every checkpoint."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopConfig:
    """How long and how fast.

    minutes: of this call, by the clock on the wall or, with `cpu`, by this process's own work; rate: learning rate of
    Adam; warmup: steps until it is reached; decay: last part of the call's time over which it falls to 0; average: of
    the weights, for each step; clip: largest norm of the gradient; validate_s, save_s: seconds of work between.
    """

    minutes: float = 10.0
    rate: float = 1e-3
    weight_decay: float = 1e-5
    warmup: int = 50
    decay: float = 0.3
    average: float = 0.998
    clip: float = 5.0
    validate_s: float = 300.0
    save_s: float = 120.0
    cpu: bool = False

    def __post_init__(self) -> None:
        require("minutes", self.minutes, 0, 100_000)
        require("rate", self.rate, 0, 1)
        require("weight_decay", self.weight_decay, 0, 1)
        require("warmup", self.warmup, 1, 1_000_000)
        require("decay", self.decay, 0, 1)
        require("average", self.average, 0, 0.999999)
        require("clip", self.clip, 1e-6, 1e9)


def pick_device(name: str = "auto") -> torch.device:
    """`auto` is cuda where there is one, else the CPU."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise ConfigError("device", expected="a CUDA device", got="none here", remedy="use --device cpu")
    return torch.device(name)


def autocast(device: torch.device, *, enabled: bool = True) -> AbstractContextManager[Any]:
    """Mixed precision in bfloat16, which both CPUs and GPUs have."""
    return torch.autocast(device.type, dtype=torch.bfloat16) if enabled else nullcontext()


def _averaging(longest: float) -> Callable[[Sequence[Tensor], Sequence[Tensor], Tensor | int], None]:
    """Exponential averaging in place that forgets fast at first, so that the start does not linger."""

    def average(kept: Sequence[Tensor], new: Sequence[Tensor], n: Tensor | int) -> None:
        share = min(longest, (1 + int(n)) / (10 + int(n)))
        for a, b in zip(kept, new, strict=True):
            if a.is_floating_point():
                a.lerp_(b, 1 - share)
            else:
                a.copy_(b)

    return average


class Trainer:
    """Runs a task in `folder`, which holds checkpoint.pt and curves.jsonl."""

    def __init__(self, task: Task, folder: Path, config: LoopConfig) -> None:
        self.task, self.folder, self.config = task, folder, config
        self.step, self.trained_s = 0, 0.0
        self.averaged = AveragedModel(task.model, multi_avg_fn=_averaging(config.average), use_buffers=True).eval()
        self.optimiser = torch.optim.Adam(task.model.parameters(), lr=config.rate, weight_decay=config.weight_decay)
        folder.mkdir(parents=True, exist_ok=True)

    def resume(self) -> None:
        """Go on from the folder's checkpoint, if there is one."""
        path = self.folder / CHECKPOINT
        if not path.exists():
            return
        saved = torch.load(path, map_location=next(self.task.model.parameters()).device, weights_only=True)
        self.task.model.load_state_dict(saved["model"])
        self.averaged.load_state_dict(saved["averaged"])
        self.optimiser.load_state_dict(saved["optimiser"])
        self.step, self.trained_s = saved["step"], saved["trained_s"]

    def begin(self) -> None:
        """Take the task's weights as they are now for their average, where they were set after the trainer was made."""
        self.averaged.module.load_state_dict(self.task.model.state_dict())

    def save(self) -> None:
        """Write the checkpoint; one that is being read or a kill in the middle finds the old one whole."""
        path = self.folder / CHECKPOINT
        state = {
            "model": self.task.model.state_dict(),
            "averaged": self.averaged.state_dict(),
            "weights": self.averaged.module.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "trained_s": self.trained_s,
            "task": self.task.describe(),
            "loop": asdict(self.config),
        }
        torch.save(state, path.with_suffix(".part"))
        os.replace(path.with_suffix(".part"), path)

    def run(self) -> dict[str, float]:
        """Train for the minutes given, save, and return the last validation."""
        now_s = time.process_time if self.config.cpu else time.monotonic
        limit_s, start, before_s = 60 * self.config.minutes, now_s(), self.trained_s
        saved = validated = start
        progress = tqdm(desc=self.folder.name, unit="step", initial=self.step, mininterval=5)
        while (elapsed_s := now_s() - start) < limit_s:
            numbers = self._update(elapsed_s / limit_s)
            self.trained_s = before_s + now_s() - start
            progress.update()
            progress.set_postfix(loss=f"{numbers['loss']:.4f}", refresh=False)
            if self.step % 10 == 0:
                self._log({"train": numbers})
            now = now_s()
            if now - saved > self.config.save_s:
                self.save()
                saved = now_s()
            if now - validated > self.config.validate_s:
                self._log({"valid": self._validate()})
                validated = now_s()
        self.save()
        progress.close()
        figures = self._validate()
        self._log({"valid": figures})
        return figures

    def _update(self, done: float) -> dict[str, float]:
        """One step at the learning rate for `done`, 0 to 1 of the time."""
        for group in self.optimiser.param_groups:
            group["lr"] = self._rate(done)
        self.task.model.train()
        loss, numbers = self.task.loss(self.step)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.task.model.parameters(), self.config.clip)
        if torch.isfinite(norm):  # a step that overflowed is left out, not taken into the weights
            self.optimiser.step()
            self.averaged.update_parameters(self.task.model)
        self.step += 1
        return {"loss": float(loss.detach()), "norm": float(norm), **numbers}

    def _rate(self, done: float) -> float:
        warm = min(1.0, (self.step + 1) / self.config.warmup)
        left = (1 - done) / self.config.decay if self.config.decay else 1.0
        return self.config.rate * warm * max(0.0, min(1.0, left))

    def _validate(self) -> dict[str, float]:
        with torch.no_grad():
            return self.task.validate(self.averaged.module.eval())

    def _log(self, line: Mapping[str, Any]) -> None:
        with (self.folder / CURVES).open("a") as file:
            print(json.dumps({"step": self.step, "trained_s": round(self.trained_s, 1), **line}), file=file)
