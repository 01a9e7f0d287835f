"""One training loop for every network: bounded in steps or minutes, resumable, with curves.

A task brings the network, its losses and its validation; the loop brings the optimiser, a learning rate that warms up,
holds and falls to nothing at the end of the call, a running average of the weights (which is what is validated and
exported), checkpoints and curves. Batches are drawn by number, so a resumed run continues where it stopped.
"""

from __future__ import annotations

import json
import math
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from engine.core.config import Settings, resolved
from engine.core.errors import ConfigError
from engine.realtime.signals import stopped_by_signals
from offline.training.common.checkpoint import CHECKPOINT, read_state, write_state
from offline.training.common.config import LoopConfig, RunConfig
from offline.training.common.curves import CURVES

__all__ = ["Budget", "Trainer", "TrainingTask", "pick_device", "start_run"]

LOG_STEPS = 10  # between two lines of the curves


class TrainingTask(Protocol):
    """What is trained."""

    @property
    def model(self) -> nn.Module:
        """The network, on the device that trains it."""
        ...

    def loss(self, index: int) -> tuple[Tensor, dict[str, float]]:
        """Return the loss of batch number `index`, and numbers for the curves."""
        ...

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Measure `model` (in evaluation mode, without gradients) on data that is not trained on."""
        ...

    def describe(self) -> dict[str, Any]:
        """Return plain values that rebuild the network: written into every checkpoint."""
        ...


def start_run(config: RunConfig) -> torch.device:
    """Set the number of processor threads and return the device to train on."""
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    return pick_device(config.device)


def pick_device(name: str = "auto") -> torch.device:
    """Return the device of a name; `auto` is cuda where there is one, else the CPU."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise ConfigError("device", expected="a CUDA device", got="none here", remedy="use --device cpu")
    return torch.device(name)


def _averaging(longest: float) -> Callable[[Sequence[Tensor], Sequence[Tensor], Tensor | int], None]:
    """Make an exponential average in place that forgets fast at first, so that the start does not linger."""

    def average(kept: Sequence[Tensor], new: Sequence[Tensor], n: Tensor | int) -> None:
        share = min(longest, (1 + int(n)) / (10 + int(n)))
        for a, b in zip(kept, new, strict=True):
            if a.is_floating_point():
                a.lerp_(b, 1 - share)
            else:
                a.copy_(b)

    return average


class Budget:
    """How much of the steps or minutes of a call is used, from `step` on."""

    def __init__(self, config: LoopConfig, step: int) -> None:
        self.config, self.first = config, step
        self._now_s = time.process_time if config.cpu_time else time.monotonic
        self._start = self._now_s()

    def elapsed_s(self) -> float:
        """Seconds since the call began."""
        return self._now_s() - self._start

    def used(self, step: int) -> float:
        """The share that is used when `step` begins: 0 at first, 1 or more at the end."""
        if self.config.until is not None:
            return step / self.config.until if self.config.until else 1.0
        if self.config.steps is not None:
            return (step - self.first) / self.config.steps if self.config.steps else 1.0
        return self.elapsed_s() / (60 * self.config.minutes) if self.config.minutes else 1.0


class Trainer:
    """Trains a task in `folder`, which holds checkpoint.pt and curves.jsonl.

    config: all settings of the training, which the checkpoint keeps for the card of the exported network
    """

    def __init__(self, task: TrainingTask, folder: Path, loop: LoopConfig, config: Settings | None = None) -> None:
        self.task, self.folder, self.config, self.settings = task, folder, loop, config
        self.step, self.trained_s = 0, 0.0
        self.averaged = AveragedModel(task.model, multi_avg_fn=_averaging(loop.average), use_buffers=True).eval()
        self.optimiser = torch.optim.Adam(
            task.model.parameters(), lr=loop.learning_rate, weight_decay=loop.weight_decay
        )
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def scored(self) -> nn.Module:
        """Return the network that is validated and exported: the average of the weights."""
        return self.averaged.module

    def resume(self) -> None:
        """Continue from the folder's checkpoint, if there is one."""
        path = self.folder / CHECKPOINT
        if not path.exists():
            return
        saved = read_state(path, next(self.task.model.parameters()).device)
        self.task.model.load_state_dict(saved["model"])
        self.averaged.load_state_dict(saved["averaged"])
        self.optimiser.load_state_dict(saved["optimiser"])
        self.step, self.trained_s = saved["step"], saved["trained_s"]

    def begin(self) -> None:
        """Take the task's weights as they are now for their average, where they were set after the trainer was made."""
        self.averaged.module.load_state_dict(self.task.model.state_dict())

    def save(self) -> None:
        """Write the checkpoint."""
        state = {
            "model": self.task.model.state_dict(),
            "averaged": self.averaged.state_dict(),
            "weights": self.scored.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "trained_s": self.trained_s,
            "task": self.task.describe(),
            "loop": resolved(self.config),
            "config": {} if self.settings is None else resolved(self.settings),
        }
        write_state(self.folder / CHECKPOINT, state)

    def run(self) -> dict[str, float]:
        """Train for the steps or minutes given, save, and return the last validation.

        A first ctrl-C or SIGTERM ends it after the step, saves, and raises KeyboardInterrupt.
        """
        budget, before_s, saved_s, validated_s = Budget(self.config, self.step), self.trained_s, 0.0, 0.0
        progress = tqdm(desc=self.folder.name, unit="step", initial=self.step, mininterval=5)
        stop = threading.Event()
        with stopped_by_signals(stop):
            while (used := budget.used(self.step)) < 1 and not stop.is_set():
                numbers = self._update(used)
                self.trained_s = before_s + budget.elapsed_s()
                progress.update()
                progress.set_postfix(loss=f"{numbers['loss']:.4f}", refresh=False)
                if self.step % LOG_STEPS == 0:
                    self._log({"train": numbers})
                if budget.elapsed_s() - saved_s > self.config.save_every_s:
                    self.save()
                    saved_s = budget.elapsed_s()
                if budget.elapsed_s() - validated_s > self.config.validate_every_s and not stop.is_set():
                    self._log({"valid": self._validate()})
                    validated_s = budget.elapsed_s()
            self.save()
        progress.close()
        if stop.is_set():
            print(f"stopped after step {self.step}: {self.folder / CHECKPOINT} is kept", file=sys.stderr)
            raise KeyboardInterrupt
        figures = self._validate()
        self._log({"valid": figures})
        return figures

    def _update(self, done: float) -> dict[str, float]:
        """Train one step at the learning rate for `done`, 0 to 1 of the steps or minutes."""
        for group in self.optimiser.param_groups:
            group["lr"] = self._rate(done)
        self.task.model.train()
        loss, numbers = self.task.loss(self.step)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.task.model.parameters(), self.config.clip or math.inf)
        if torch.isfinite(norm):  # a step that overflowed is left out, not taken into the weights
            self.optimiser.step()
            self.averaged.update_parameters(self.task.model)
        self.step += 1
        return {"loss": float(loss.detach()), "norm": float(norm), **numbers}

    def _rate(self, done: float) -> float:
        warm = min(1.0, (self.step + 1) / self.config.warmup)
        left = (1 - done) / self.config.decay if self.config.decay else 1.0
        return self.config.learning_rate * warm * max(0.0, min(1.0, left))

    def _validate(self) -> dict[str, float]:
        with torch.no_grad():
            return self.task.validate(self.scored.eval())

    def _log(self, line: Mapping[str, Any]) -> None:
        with (self.folder / CURVES).open("a") as file:
            print(json.dumps({"step": self.step, "trained_s": round(self.trained_s, 1), **line}), file=file)
