"""Checkpoints of training runs: written so that a kill leaves the old one whole, read as tensors and plain values."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from engine.core.errors import ModelError

__all__ = ["CHECKPOINT", "Checkpoint", "read_checkpoint", "read_state", "restore", "write_state"]

CHECKPOINT = "checkpoint.pt"
ANY_RUN = "a checkpoint of a training run"

Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What is needed to export a network, average it or begin with its weights.

    path: the file
    task: plain values that rebuild the network
    weights: running average of the weights, by name
    step: training steps so far
    trained_s: training time so far, seconds
    loop: settings of the training loop
    config: all settings of the training; empty in a checkpoint of an older version
    """

    path: Path
    task: Mapping[str, Any]
    weights: Mapping[str, Tensor]
    step: int = 0
    trained_s: float = 0.0
    loop: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)


def read_state(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Read everything that a file of `write_state` holds, without running code from it."""
    state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    return state


def write_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write a checkpoint; a reader, or a kill while it is written, finds the old one whole."""
    part = path.with_suffix(".part")
    torch.save(dict(state), part)
    os.replace(part, path)


def read_checkpoint(path: Path, what: str = ANY_RUN) -> Checkpoint:
    """Read a checkpoint; ModelError that expects `what` for anything else."""
    return _guarded(path, what, lambda: _read(path))


def restore(path: Path, build: Callable[[dict[str, Any]], Network], what: str) -> tuple[Network, Checkpoint]:
    """Build the network of a checkpoint, with averaged weights, on the CPU, in evaluation mode.

    build: makes the network from the plain values of `TrainingTask.describe`
    what: what the ModelError expects if the file is anything else, as "a checkpoint of `train separation`"
    """
    return _guarded(path, what, lambda: _rebuild(_read(path), build))


def _read(path: Path) -> Checkpoint:
    state = read_state(path)
    names = ("task", "weights", "step", "trained_s", "loop", "config")
    return Checkpoint(path=path, **{name: state[name] for name in names if name in state})


def _rebuild(found: Checkpoint, build: Callable[[dict[str, Any]], Network]) -> tuple[Network, Checkpoint]:
    network = build(dict(found.task))
    network.load_state_dict(found.weights)
    return network.eval(), found


Found = TypeVar("Found")


def _guarded(path: Path, what: str, read: Callable[[], Found]) -> Found:
    try:
        return read()
    except Exception as error:  # torch raises what its unpickler raises
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise ModelError(str(path), expected=what, got=reason) from error
