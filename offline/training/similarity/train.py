"""Train networks that say whether two frames are the same music: the published one, its baseline, and the live one."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engine.core.errors import ModelError
from models.similarity.network import AFTER, BEFORE, PLANE_ROWS, PLANES, PairMlp, SiameseCnn, SiameseConfig, distance
from offline.training.common.config import LoopConfig
from offline.training.common.loop import Trainer, pick_device
from offline.training.common.precision import Precision
from offline.training.similarity.live_task import LiveConfig, LiveTask
from offline.training.similarity.pairs import FEATURES, Batch, PairConfig, PairSet
from offline.training.similarity.takes import stored

__all__ = ["CnnTask", "MlpTask", "add_options", "best_threshold", "load_pair_network", "main"]

NETWORKS = ("live", "cnn", "mlp")
N_VALID = 12  # batches
# Its dense layer sums up so much that 3e-4 still throws its distances about, with every feature but salience.
RATES = {"cnn": 1e-4}


class CnnTask:
    """The published twins under the contrastive loss of equation (1)."""

    def __init__(self, model: SiameseCnn, pairs: PairSet, validation: PairSet) -> None:
        self.model, self.pairs, self.validation = model, pairs, validation
        self.threshold = model.config.margin / 2
        self.precision = Precision(tiny_step)

    def loss(self, index: int) -> tuple[Tensor, dict[str, float]]:
        """Half of the pairs match, half do not."""
        device = next(self.model.parameters()).device
        with self.precision.autocast(self.model):
            near, far, found, sure = self._distances(self.model, self.pairs.batch(index), device)
        margin = self.model.config.margin
        matching, others = found * near**2 / 2, sure * torch.clamp(margin - far, min=0) ** 2 / 2
        loss = (matching.sum() + others.sum()) / (found.sum() + sure.sum())
        return loss, {"near": float(near.mean().detach()), "far": float(far.mean().detach())}

    def validate(self, model: nn.Module) -> dict[str, float]:
        """The best threshold on other pieces, and how often it decides rightly."""
        device = next(model.parameters()).device
        found = [self._distances(model, self.validation.batch(i), device) for i in range(N_VALID)]
        near = torch.cat([n[p > 0] for n, _, p, _ in found]).float().cpu().numpy()
        far = torch.cat([f[s > 0] for _, f, _, s in found]).float().cpu().numpy()
        self.threshold, right = best_threshold(near, far)
        return {"threshold": self.threshold, "accuracy": right}

    def describe(self) -> dict[str, Any]:
        """What rebuilds the network, and what its distances are decided by."""
        pairs = self.pairs.config
        settings = {
            "feature": pairs.feature,
            "augment": pairs.augment,
            "tempo": pairs.tempo,
            "threshold": self.threshold,
        }
        return {"network": "cnn", **settings, "config": self.model.config.as_dict()}

    @staticmethod
    def _distances(model: nn.Module, batch: Batch, device: torch.device) -> tuple[Tensor, ...]:
        """D_W of the pairs that match, of those that do not; whether each of both kinds is one."""
        sides = (batch.first.to(device), batch.second.to(device))
        first, second = (model.along(side).float() for side in sides)  # type: ignore[operator]
        n = first.shape[-1]
        flat = second.reshape(-1, n)
        near = distance(first, flat[batch.match.to(device)])
        far = distance(first, flat[batch.other.to(device)])
        return near, far, batch.found.to(device), batch.sure.to(device)


def tiny_step(model: nn.Module) -> Tensor:
    """Embeddings of two silent frames."""
    device = next(model.parameters()).device
    return model.along(torch.zeros(1, PLANES, 2 + BEFORE + AFTER, PLANE_ROWS, device=device))


class MlpTask:
    """The perceptron on pairs of semigrams, under cross-entropy."""

    def __init__(self, model: PairMlp, pairs: PairSet, validation: PairSet) -> None:
        self.model, self.pairs, self.validation = model, pairs, validation

    def loss(self, index: int) -> tuple[Tensor, dict[str, float]]:
        """Cross-entropy, half of the pairs matching."""
        near, far, found, sure = self._logits(self.model, self.pairs.batch(index))
        soft = nn.functional.softplus
        loss = ((found * soft(-near)).sum() + (sure * soft(far)).sum()) / (found.sum() + sure.sum())
        return loss, {}

    def validate(self, model: nn.Module) -> dict[str, float]:
        """How often the network decides rightly on other pieces."""
        right = []
        for i in range(N_VALID):
            near, far, found, sure = self._logits(model, self.validation.batch(i))
            right += [float((near[found > 0] > 0).float().mean()), float((far[sure > 0] <= 0).float().mean())]
        return {"accuracy": float(np.mean(right))}

    def describe(self) -> dict[str, Any]:
        """What rebuilds the network."""
        return {"network": "mlp", "feature": "semigram", "config": self.model.config}

    @staticmethod
    def _logits(model: nn.Module, batch: Batch) -> tuple[Tensor, ...]:
        device = next(model.parameters()).device
        first, second = batch.first.to(device), batch.second.to(device)
        flat = second.reshape(-1, second.shape[-1])
        near = model(first, flat[batch.match.to(device)])
        far = model(first, flat[batch.other.to(device)])
        return near, far, batch.found.to(device), batch.sure.to(device)


def best_threshold(near: np.ndarray, far: np.ndarray) -> tuple[float, float]:
    """The distance that tells matching pairs from others best, and the share told rightly, both kinds alike."""
    tried = np.quantile(np.concatenate([near, far]), np.linspace(0.01, 0.99, 99))
    right = [(np.mean(near < t) + np.mean(far >= t)) / 2 for t in tried]
    best = int(np.argmax(right))
    return float(tried[best]), float(right[best])


def load_pair_network(checkpoint: Path) -> tuple[SiameseCnn | PairMlp, dict[str, Any]]:
    """A trained network with the running average of its weights, and what it was trained as; ModelError if none."""
    try:
        saved = torch.load(checkpoint, map_location="cpu", weights_only=True)
        task = saved["task"]
        model = PairMlp(**task["config"]) if task["network"] == "mlp" else SiameseCnn(SiameseConfig(**task["config"]))
        model.load_state_dict(saved["weights"])
    except Exception as error:  # torch raises what its unpickler raises
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise ModelError(str(checkpoint), expected="a checkpoint of `train siamese`", got=reason) from error
    return model.eval(), task


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `collaparte train siamese`."""
    add = parser.add_argument
    add("output", type=Path, help="folder of the run: checkpoint.pt and curves.jsonl")
    add("--network", choices=NETWORKS, default="live", help="live: small and causal; cnn: as published; mlp: baseline")
    add("--takes", type=Path, required=True, help="folder of takes, see `python -m offline.training.similarity.takes`")
    add("--validation", type=Path, required=True, help="one more such folder, of other pieces")
    add("--feature", choices=FEATURES, default="cqt", help="of the published network")
    add("--augment", action="store_true", help="20 %% more takes, shifted by up to 30 cents (cnn)")
    add("--tempo", type=float, default=1.0, help="read renderings up to so many times as fast or slowly (cnn)")
    add("--width", type=float, default=1.0, help="of the published network's layers, 1 as published")
    add("--hidden", type=int, default=128, help="width of the live network")
    add("--embedding", type=int, help="numbers a frame (default 128; live 48)")
    add("--loss", choices=["time", "contrastive"], default="time", help="of the live network")
    add("--batch", type=int, default=4, help="takes a step, of which each gives many pairs")
    add("--minutes", type=float, default=10)
    add("--steps", type=int, help="train for this number of steps instead of minutes")
    add("--rate", type=float, help="of learning (default 1e-3, 1e-4 for cnn)")
    add("--average", type=float, default=0.998)
    add("--seed", type=int, default=0)
    add("--threads", type=int, default=1)
    add("--device", default="auto")
    add("--resume", action="store_true")


def task_of(args: argparse.Namespace) -> CnnTask | MlpTask | LiveTask:
    """What the options ask for."""
    torch.manual_seed(args.seed)
    paths, others = stored(args.takes), stored(args.validation)
    if args.network == "live":
        live = LiveConfig(
            loss=args.loss, hidden=args.hidden, n_embedding=args.embedding or 48, takes=args.batch, seed=args.seed
        )
        return LiveTask(paths, others, live)
    feature = "semigram" if args.network == "mlp" else args.feature
    config = PairConfig(feature=feature, augment=args.augment, tempo=args.tempo, takes=args.batch, seed=args.seed)
    pairs = PairSet(paths, config)
    validation = PairSet(others, replace(config, augment=False, seed=args.seed + 1))
    if args.network == "mlp":
        return MlpTask(PairMlp(), pairs, validation)
    network = SiameseConfig(width=args.width, n_embedding=args.embedding or 128)
    return CnnTask(SiameseCnn(network), pairs, validation)


def main(arguments: Sequence[str] | None = None) -> None:
    """`collaparte train siamese`."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_options(parser)
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    task = task_of(args)
    task.model.to(pick_device(args.device))
    rate = args.rate or RATES.get(args.network, 1e-3)
    loop = LoopConfig(minutes=args.minutes, steps=args.steps, learning_rate=rate, average=args.average)
    trainer = Trainer(task, args.output, loop)
    if args.resume:
        trainer.resume()
    figures = trainer.run()
    trainer.save()  # once more: what validation found out belongs to the checkpoint
    print("  ".join(f"{name} {value:.4g}" for name, value in figures.items()))


if __name__ == "__main__":
    main()
