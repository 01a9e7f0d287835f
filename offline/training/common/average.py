"""Average the weights of several runs that began with the same ones.

Wortsman et al., "Model soups: averaging weights of multiple fine-tuned models improves accuracy without increasing
inference time" (2022), section 3: networks that stayed near each other err less in their mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engine.core.errors import ModelError
from offline.training.common.checkpoint import CHECKPOINT, Checkpoint, read_checkpoint, write_state
from offline.training.common.config import AverageConfig

__all__ = ["average_checkpoints", "average_runs", "average_weights"]

LEVEL = "level"  # of the mixes that a separator learnt from: measured, and different for every seed


def average_checkpoints(config: AverageConfig) -> Path:
    """Write the average of several checkpoints as a checkpoint; ModelError if they are not of one network."""
    mean = average_runs([read_checkpoint(path) for path in config.checkpoints])
    config.output.mkdir(parents=True, exist_ok=True)
    write_state(config.output / CHECKPOINT, mean)
    return config.output / CHECKPOINT


def average_runs(runs: Sequence[Checkpoint]) -> dict[str, Any]:
    """Average the weights and the level of runs; the other values are the first one's, times the longest run's."""
    first = runs[0]
    for run in runs[1:]:
        if not _same_network(run, first):
            raise ModelError(str(run.path), expected=f"the network of {first.path}", got="another one")
    task = dict(first.task)
    if LEVEL in task:
        task[LEVEL] = sum(run.task[LEVEL] for run in runs) / len(runs)
    return {
        "task": task,
        "weights": average_weights([run.weights for run in runs]),
        "step": max(run.step for run in runs),
        "trained_s": max(run.trained_s for run in runs),
        "config": {"averaged": {run.path.as_posix(): dict(run.config) for run in runs}},
    }


def average_weights(states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Average tensors of the same names; whole numbers, which count steps, are the first one's."""
    weights = {}
    for name, value in states[0].items():
        values = torch.stack([state[name] for state in states])
        weights[name] = values.mean(0) if value.is_floating_point() else value
    return weights


def _same_network(run: Checkpoint, other: Checkpoint) -> bool:
    """Tell whether the weights fit and all settings that both runs know are equal."""
    common = (run.task.keys() & other.task.keys()) - {LEVEL}
    shapes = [{name: value.shape for name, value in each.weights.items()} for each in (run, other)]
    return shapes[0] == shapes[1] and all(run.task[name] == other.task[name] for name in common)
