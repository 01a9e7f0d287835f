"""The mean of the weights of several runs that began with the same ones, as a checkpoint to go on from or to release.

Wortsman et al., "Model soups: averaging weights of multiple fine-tuned models improves accuracy without increasing
inference time" (2022), section 3: runs that stayed near each other err less in their middle.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from engine.core.errors import ModelError

__all__ = ["average", "main"]

LEVEL = "level"  # of the mixes that a separator learnt from: measured, and another for every seed


def average(checkpoints: Sequence[Path]) -> dict[str, Any]:
    """A checkpoint whose weights are the mean of those of all; ModelError if they are not of one network."""
    runs = [_opened(path) for path in checkpoints]
    first = runs[0]
    for path, run in zip(checkpoints[1:], runs[1:], strict=True):
        if not _alike(run, first):
            raise ModelError(str(path), expected=f"the network of {checkpoints[0]}", got="another one")
    weights = {}
    for name, value in first["weights"].items():
        values = torch.stack([run["weights"][name] for run in runs])
        weights[name] = values.mean(0) if value.is_floating_point() else value
    longest = {name: max(run[name] for run in runs) for name in ("step", "trained_s")}
    task = dict(first["task"])
    if LEVEL in task:
        task[LEVEL] = sum(run["task"][LEVEL] for run in runs) / len(runs)
    return {"task": task, "weights": weights, **longest}


def _alike(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two runs are of one network: an older one need not know every setting, but the weights must fit."""
    common = (one["task"].keys() & other["task"].keys()) - {LEVEL}
    shapes = [{name: value.shape for name, value in run["weights"].items()} for run in (one, other)]
    return shapes[0] == shapes[1] and all(one["task"][name] == other["task"][name] for name in common)


def _opened(path: Path) -> dict[str, Any]:
    try:
        saved: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        known = {"task": saved["task"], "weights": saved["weights"]}
    except Exception as error:  # torch raises what its unpickler raises
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise ModelError(str(path), expected="a checkpoint of a training", got=reason) from error
    return {**known, "step": saved.get("step", 0), "trained_s": saved.get("trained_s", 0.0)}


def main(arguments: Sequence[str] | None = None) -> None:
    """`python -m offline.training.common.average ONE TWO --output FOLDER`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoints", type=Path, nargs="+")
    parser.add_argument("--output", type=Path, required=True, help="folder for the new checkpoint.pt")
    options = parser.parse_args(arguments)
    mean = average(options.checkpoints)
    options.output.mkdir(parents=True, exist_ok=True)
    torch.save(mean, options.output / "checkpoint.pt")


if __name__ == "__main__":
    main()
