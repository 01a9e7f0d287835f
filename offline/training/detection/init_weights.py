"""Begin a sound event network with the weights of a finished one, also if it is causal or fuses embeddings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.detection.config import CrnnConfig
from models.detection.narrowing import narrowed, narrowed_crnn
from models.detection.network import Crnn
from models.detection.reimport import calibrate, crnn_from_onnx
from offline.datasets.scenes import SceneSet
from offline.training.common.checkpoint import Checkpoint, restore

__all__ = ["begin_with", "calibrated_crnn", "finished_crnn", "load_crnn", "restore_crnn", "weights_for"]

A_CHECKPOINT = "a checkpoint of `train detection`"
CALIBRATION_SCENES = 96  # that the batch norms of an exported network are measured on
FITTED_SCENES = 48  # that the kernels of a network with fewer filters are fitted on


def restore_crnn(checkpoint: Path) -> tuple[Crnn, Checkpoint]:
    """Load the network of a checkpoint with averaged weights, on the CPU, in evaluation mode, and the checkpoint."""
    return restore(checkpoint, lambda task: Crnn(CrnnConfig.from_dict(task)), A_CHECKPOINT)


def load_crnn(checkpoint: Path) -> Crnn:
    """Load the network of a checkpoint as `restore_crnn` does."""
    return restore_crnn(checkpoint)[0]


def finished_crnn(start: Path) -> Crnn:
    """Load the network of a checkpoint, as `load_crnn`, or of an exported file."""
    return crnn_from_onnx(start) if start.suffix == ".onnx" else load_crnn(start)


def calibrated_crnn(start: Path, scenes: SceneSet) -> Crnn:
    """Load the network as `finished_crnn`; of an exported file the batch norms are measured on the scenes."""
    model = finished_crnn(start).eval()
    if start.suffix == ".onnx":
        calibrate(model, _log_mel(scenes, CALIBRATION_SCENES))
    return model


def begin_with(model: Crnn, start: Path, scenes: SceneSet) -> None:
    """Take over the weights of a checkpoint, or of an exported file, whose batch norms are measured on the scenes."""
    finished = finished_crnn(start)
    if finished.config.filters != model.config.filters:
        finished = narrowed_crnn(finished, model.config.filters, _log_mel(scenes, FITTED_SCENES))
    model.load_state_dict(weights_for(model.config, finished))
    if start.suffix == ".onnx":
        calibrate(model.eval(), _log_mel(scenes, CALIBRATION_SCENES))


def _log_mel(scenes: SceneSet, most: int) -> Tensor:
    return torch.from_numpy(np.asarray(scenes.mel[:most], np.float32))


def weights_for(config: CrnnConfig, finished: Crnn, *, late: bool = False) -> dict[str, Tensor]:
    """Make weights for a network of `config` from a finished one; a causal network takes the forward direction.

    A causal convolution cannot see the frame ahead. Its weights are added to those of the newest frame, so that the
    network reports the present. Embeddings that the finished network does not fuse begin with random weights.

    A network with fewer filters keeps those that carry most (`models.detection.narrowing`).

    late: delay the causal convolutions by a frame each instead, six steps in all; their output stays the same
    """
    weights = finished.state_dict()
    if config.causal and not finished.config.causal:
        weights = _keep_forward(weights, config.hidden)
        if not late:
            weights = {name: _fold(value) if _is_convolution(name) else value for name, value in weights.items()}
    if config.filters != finished.config.filters:
        weights = narrowed(weights, config.filters)
    drawn = Crnn(config).state_dict()
    if config.embeddings and not finished.config.embeddings:
        weights = _widen(weights, drawn)
    begun = {name: value for name, value in drawn.items() if name.startswith("onset.")}
    return {**begun, **{name: value for name, value in weights.items() if begun or not name.startswith("onset.")}}


def _keep_forward(weights: dict[str, Tensor], hidden: int) -> dict[str, Tensor]:
    """Keep the recurrent direction that runs forwards."""
    kept = {name: value for name, value in weights.items() if not name.endswith("_reverse")}
    return kept | {name: weights[name][:, :hidden] for name in ("recurrent.weight_ih_l1", "head.weight")}


def _is_convolution(name: str) -> bool:
    return name.startswith("stacks.") and name.endswith("convolution.weight")


def _fold(kernel: Tensor) -> Tensor:
    """Fold the frame ahead of a kernel (out, in, frame, band) into its newest frame."""
    before, now, after = kernel.unbind(2)
    return torch.stack([torch.zeros_like(before), before, now + after], 2)


def _widen(weights: dict[str, Tensor], drawn: dict[str, Tensor]) -> dict[str, Tensor]:
    """Add the random columns and layers that the embeddings need."""
    out = weights | {name: value for name, value in drawn.items() if name.startswith("projections.")}
    for name, value in weights.items():
        if name.startswith("recurrent.weight_ih_l0"):
            out[name] = torch.cat([value, drawn[name][:, value.shape[1] :]], 1)
    return out
