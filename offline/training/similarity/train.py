"""Train networks that tell whether two frames are the same music: the published one, its baseline, and the live one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from engine.core.config import from_mapping
from engine.following.similarity.planes import PLANE_ROWS, PLANES
from models.similarity.config import PairMlpConfig, SiameseCnnConfig, StreamingSiameseConfig
from models.similarity.losses import contrast
from models.similarity.network import AROUND, PairMlp, SiameseCnn
from models.similarity.soft_warping import path_loss, true_path
from models.similarity.streaming_network import StreamingSiamese
from offline.training.common.checkpoint import Checkpoint, restore
from offline.training.common.loop import Trainer, start_run
from offline.training.common.precision import Precision
from offline.training.similarity.config import OBJECTIVES, SimilarityTraining
from offline.training.similarity.data import stored_takes
from offline.training.similarity.pairs import PairBatch, PairSet
from offline.training.similarity.streaming_task import StreamingTask

__all__ = ["CnnTask", "MlpTask", "best_threshold", "restore_similarity", "train_similarity"]

N_VALIDATION = 12  # batches
WHAT = "a checkpoint of `train similarity`"

SimilarityNetwork = StreamingSiamese | SiameseCnn | PairMlp


class CnnTask:
    """The published network under the contrastive loss of equation (1), or under that of a soft warping.

    softness: of the warping; None for the contrastive loss
    """

    def __init__(
        self,
        model: SiameseCnn,
        pairs: PairSet,
        validation: PairSet,
        *,
        mixed: bool = True,
        softness: float | None = None,
    ) -> None:
        self.model, self.pairs, self.validation = model, pairs, validation
        self.precision = Precision(_tiny_step, wanted=mixed)
        self.softness = softness
        self.threshold = model.config.margin / 2

    def loss(self, index: int) -> tuple[Tensor, dict[str, float]]:
        """Return the mean loss of batch number `index`."""
        batch = self.pairs.batch(index)
        return self._contrast(batch) if self.softness is None else self._warping(batch, self.softness)

    def _contrast(self, batch: PairBatch) -> tuple[Tensor, dict[str, float]]:
        """Return the mean of equation (1); half of the pairs match, half do not."""
        device = next(self.model.parameters()).device
        with self.precision.autocast(self.model):
            near, far, found, sure = self._distances(self.model, batch, device)
        margin = self.model.config.margin
        matching, others = found * contrast(near, 0.0, margin), sure * contrast(far, 1.0, margin)
        loss = (matching.sum() + others.sum()) / (found.sum() + sure.sum())
        return loss, {"near": float(near.mean().detach()), "far": float(far.mean().detach())}

    def _warping(self, batch: PairBatch, softness: float) -> tuple[Tensor, dict[str, float]]:
        """Return how unlikely the true path of each take is, in the mean."""
        device, n = next(self.model.parameters()).device, batch.match.shape[1]
        with self.precision.autocast(self.model):
            first, second = (self.model.along(side.to(device)).float() for side in (batch.first, batch.second))
        losses = []
        for i, found in enumerate(batch.found.bool().tolist()):
            last = found.index(False) if False in found else n
            path = true_path(batch.match[i, :last].numpy() - i * n)
            near = self.model.compare(first[i, :last, None], second[i, None, : int(path[-1, 1]) + 1])
            losses.append(path_loss(near, path, softness))
        return torch.stack(losses).mean(), {}

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Find the best threshold on other pieces, and how often it is right."""
        device = next(model.parameters()).device
        found = [self._distances(model, self.validation.batch(i), device) for i in range(N_VALIDATION)]
        near = torch.cat([n[p > 0] for n, _, p, _ in found]).float().cpu().numpy()
        far = torch.cat([f[s > 0] for _, f, _, s in found]).float().cpu().numpy()
        self.threshold, right = best_threshold(near, far)
        return {"threshold": self.threshold, "accuracy": right}

    def describe(self) -> dict[str, Any]:
        """Return what rebuilds the network, and the threshold of its distances."""
        pairs = self.pairs.config
        settings = {
            "feature": pairs.feature,
            "augment": pairs.augment,
            "tempo": pairs.tempo,
            "near": pairs.near,
            "threshold": self.threshold,
            "objective": OBJECTIVES[self.softness is not None],
        }
        return {"network": "cnn", **settings, "config": self.model.config.as_dict()}

    @staticmethod
    def _distances(model: nn.Module, batch: PairBatch, device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return D_W of matching pairs and of others, and whether each pair of both kinds is one."""
        along: Callable[[Tensor], Tensor] = model.along  # type: ignore[assignment]
        first, second = (along(side.to(device)).float() for side in (batch.first, batch.second))
        n = first.shape[-1]
        flat = second.reshape(-1, n)
        compare: Callable[[Tensor, Tensor], Tensor] = model.compare  # type: ignore[assignment]
        near, far = (compare(first, flat[which.to(device)]) for which in (batch.match, batch.other))
        return near, far, batch.found.to(device), batch.sure.to(device)


class MlpTask:
    """The perceptron on pairs of semigrams, under cross-entropy."""

    def __init__(self, model: PairMlp, pairs: PairSet, validation: PairSet) -> None:
        self.model, self.pairs, self.validation = model, pairs, validation

    def loss(self, index: int) -> tuple[Tensor, dict[str, float]]:
        """Return the cross-entropy; half of the pairs match."""
        near, far, found, sure = self._logits(self.model, self.pairs.batch(index))
        soft = nn.functional.softplus
        loss = ((found * soft(-near)).sum() + (sure * soft(far)).sum()) / (found.sum() + sure.sum())
        return loss, {}

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Measure how often the network is right on other pieces."""
        right = []
        for i in range(N_VALIDATION):
            near, far, found, sure = self._logits(model, self.validation.batch(i))
            right += [float((near[found > 0] > 0).float().mean()), float((far[sure > 0] <= 0).float().mean())]
        return {"accuracy": float(np.mean(right))}

    def describe(self) -> dict[str, Any]:
        """Return what rebuilds the network."""
        return {"network": "mlp", "feature": "semigram", "config": self.model.config.as_dict()}

    @staticmethod
    def _logits(model: nn.Module, batch: PairBatch) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        device = next(model.parameters()).device
        first, second = batch.first.to(device), batch.second.to(device)
        flat = second.reshape(-1, second.shape[-1])
        near = model(first, flat[batch.match.to(device)])
        far = model(first, flat[batch.other.to(device)])
        return near, far, batch.found.to(device), batch.sure.to(device)


def _tiny_step(model: nn.Module) -> Tensor:
    """Return the embeddings of two silent frames."""
    device = next(model.parameters()).device
    along: Callable[[Tensor], Tensor] = model.along  # type: ignore[assignment]
    return along(torch.zeros(1, PLANES, AROUND + 2, PLANE_ROWS, device=device))


def best_threshold(near: npt.NDArray[np.float32], far: npt.NDArray[np.float32]) -> tuple[float, float]:
    """Return the distance that separates matching pairs from others best, and the share that it gets right."""
    tried = np.quantile(np.concatenate([near, far]), np.linspace(0.01, 0.99, 99))
    right = [(np.mean(near < t) + np.mean(far >= t)) / 2 for t in tried]
    best = int(np.argmax(right))
    return float(tried[best]), float(right[best])


def restore_similarity(path: Path) -> tuple[SimilarityNetwork, Checkpoint]:
    """Read a run's network, with averaged weights, and its checkpoint; ModelError for anything else."""
    return restore(path, _rebuild, WHAT)


def _rebuild(task: dict[str, Any]) -> SimilarityNetwork:
    config = task["config"]
    if task["network"] == "mlp":
        return PairMlp(from_mapping(PairMlpConfig, config))
    if task["network"] == "cnn":
        return SiameseCnn(from_mapping(SiameseCnnConfig, config))
    return StreamingSiamese(from_mapping(StreamingSiameseConfig, config))


def train_similarity(config: SimilarityTraining) -> dict[str, float]:
    """Train as the settings say; return the figures of the last validation."""
    config, device = config.with_rate(), start_run(config)
    task = _task(config)
    task.model.to(device)
    trainer = Trainer(task, config.output, config.loop, config)
    if config.resume:
        trainer.resume()
    figures = trainer.run()
    trainer.save()  # once more: the threshold that validation found belongs into the checkpoint
    return figures


def _task(config: SimilarityTraining) -> CnnTask | MlpTask | StreamingTask:
    """Load the data and build the network that the settings ask for."""
    torch.manual_seed(config.seed)
    paths, others = stored_takes(config.data), stored_takes(config.validation)
    if config.architecture == "live":
        return StreamingTask(paths, others, config)
    settings = replace(config.pairs, feature="semigram") if config.architecture == "mlp" else config.pairs
    pairs = PairSet(paths, settings, takes=config.batch, seed=config.seed)
    validation = PairSet(others, replace(settings, augment=False), takes=config.batch, seed=config.seed + 1)
    if config.architecture == "mlp":
        return MlpTask(PairMlp(PairMlpConfig()), pairs, validation)
    network = SiameseCnnConfig(
        width=config.width,
        n_embedding=config.n_embedding,
        margin=config.margin,
        ahead=config.pairs.ahead,
        attention=config.attention,
    )
    softness = config.softness if config.objective == "warping" else None
    return CnnTask(SiameseCnn(network), pairs, validation, mixed=config.mixed, softness=softness)
