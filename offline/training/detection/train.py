"""Train the sound event CRNN: supervised, or as the student of a mean teacher, on any mixture of labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engine.core.config import settings_of
from engine.detection.event_decoder import DecisionConfig
from models.detection.config import CrnnConfig, CrnnOptions, LossConfig
from models.detection.losses import published_rate, sound_event_loss
from models.detection.network import POOL, Crnn
from offline.datasets.scenes import SceneSet, open_scene_set
from offline.detection.clip_decisions import Probabilities, detect, tag
from offline.evaluation.detection.sound_events import evaluate_sound_events
from offline.training.common.config import LoopConfig
from offline.training.common.loop import Trainer, start_run
from offline.training.common.precision import Precision, autocast
from offline.training.detection.config import DetectionTraining, as_published
from offline.training.detection.data import (
    SceneBatches,
    embedding_input,
    fused_embeddings,
    open_groups,
    scene_sources,
)
from offline.training.detection.init_weights import begin_with, finished_crnn

__all__ = ["DetectionTask", "DetectionTrainer", "scene_probabilities", "train_detection"]

STATISTICS_SCENES = 500
PUBLISHED_WARMUP = 12_500  # steps


class DetectionTask:
    """Network, batches and validation set, as `offline.training.common.loop.TrainingTask`.

    teacher: network whose probabilities are learnt too, where the loss asks for consistency
    """

    def __init__(
        self, model: Crnn, batches: SceneBatches, validation: SceneSet, losses: LossConfig, *, mixed: bool = True
    ) -> None:
        self.model: nn.Module = model
        self.network, self.batches, self.validation = model, batches, validation
        self.losses, self.precision = losses, Precision(_tiny_step, wanted=mixed)
        self.teacher: nn.Module | None = None

    def measure_statistics(self) -> None:
        """Set the standardisation of the network from the first source."""
        scenes = self.batches.sources[0].scenes
        some = np.asarray(scenes.mel[: min(len(scenes), STATISTICS_SCENES)], np.float32)
        bands = some.reshape(-1, some.shape[2])
        self.network.set_statistics(torch.from_numpy(bands.mean(0)), torch.from_numpy(bands.std(0)))

    def loss(self, index: int) -> tuple[Tensor, dict[str, float]]:
        """Return the loss of batch number `index`, and its parts."""
        device = self.network.mean.device
        batch = self.batches.batch(index, device)
        with self.precision.autocast(self.model):
            logits, onset = self.network.with_onsets(batch.mel, batch.embeddings)
            with torch.no_grad():
                teacher = self.teacher(batch.mel, batch.embeddings) if self.teacher is not None else None
        return sound_event_loss(logits, batch.labels, batch.known, self.losses, teacher, onset)

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Measure the three F1 of the paper, with its fixed threshold and median filter."""
        scenes = self.validation
        steps = scene_probabilities(model, scenes, mixed=self.precision.mixed(model))
        found = detect(scenes.names, steps, scenes.classes, DecisionConfig())
        return evaluate_sound_events(scenes.events, found, scenes.classes, tag(scenes.names, steps, scenes.classes))

    def describe(self) -> dict[str, Any]:
        """Return the config of the network."""
        return self.network.config.as_dict()


def _tiny_step(model: nn.Module) -> Tensor:
    """Return the logits of two steps of two silent scenes."""
    config: CrnnConfig = model.config  # type: ignore[assignment]
    device = next(model.parameters()).device
    embeddings = [torch.zeros(2, 2, one.n_in, device=device) for one in config.embeddings]
    logits: Tensor = model(torch.zeros(2, 2 * POOL, config.n_mels, device=device), tuple(embeddings))
    return logits


class DetectionTrainer(Trainer):
    """The loop, with the average of the weights as teacher and the learning rate of the paper where asked for.

    config: the whole training, for the checkpoint; `published_rate` chooses the learning rate
    """

    def __init__(
        self, task: DetectionTask, folder: Path, loop: LoopConfig, config: DetectionTraining | None = None
    ) -> None:
        super().__init__(task, folder, loop, config)
        self.published = config is not None and config.published_rate
        self.student = config is not None and config.student
        if task.losses.consistency and task.teacher is None:
            task.teacher = self.averaged.module

    @property
    def scored(self) -> nn.Module:
        """Return the average of the weights, or the student itself where that is asked for."""
        return self.task.model if self.student else super().scored

    def _rate(self, done: float) -> float:
        if self.published:
            return self.config.learning_rate * published_rate(self.step, warmup=self._warmup)
        return super()._rate(done)

    @property
    def _warmup(self) -> int:
        """Return a quarter of the steps: 12,500 of the paper's 50,000."""
        steps = self.config.until or self.config.steps
        return max(steps // 4, 1) if steps else PUBLISHED_WARMUP


def train_detection(config: DetectionTraining) -> dict[str, float]:
    """Train a network, write checkpoint.pt and curves.jsonl, and return the figures of the last validation."""
    if config.preset == "published":
        config = as_published(config)
    device = start_run(config)
    groups = open_groups(config.sets)
    scenes = next(iter(groups.values()))
    model = _new_network(config, scenes)
    batches = SceneBatches(model.config, scene_sources(config, groups), config.augmentation, config.seed)
    validation = open_scene_set(config.validation)
    task = DetectionTask(model, batches, validation, _losses(config), mixed=config.mixed_precision)
    if config.distil is not None:
        task.teacher = finished_crnn(config.distil).to(device)
    if config.init_weights is None:
        task.measure_statistics()
    model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    trainer = DetectionTrainer(task, config.output, config.loop, config)
    if config.resume:
        trainer.resume()
    return trainer.run()


def _new_network(config: DetectionTraining, scenes: SceneSet) -> Crnn:
    """Build the network for these scenes, with random weights or with those of another run or file."""
    chosen = {name: getattr(config.network, name) for name in settings_of(CrnnOptions)}
    embeddings = tuple(embedding_input(text, scenes) for text in config.embedding)
    torch.manual_seed(config.seed)
    model = Crnn(CrnnConfig(classes=scenes.classes, embeddings=embeddings, **chosen))
    if config.init_weights is not None:
        begin_with(model, config.init_weights, scenes)
    return model


def _losses(config: DetectionTraining) -> LossConfig:
    """Return the loss without consistency where there is no teacher."""
    return config.losses if config.teacher or config.distil else replace(config.losses, consistency=0.0)


def scene_probabilities(model: nn.Module, scenes: SceneSet, *, batch: int = 32, mixed: bool = False) -> Probabilities:
    """Compute step probabilities (scene, step, class) of a set by a network in evaluation mode."""
    device = next(model.parameters()).device
    network: CrnnConfig = model.config  # type: ignore[assignment]
    arrays, parts = (scenes.mel, *fused_embeddings(network, scenes)), []
    with torch.inference_mode(), autocast(device, enabled=mixed):
        for start in range(0, len(scenes), batch):
            rows = [torch.from_numpy(np.asarray(a[start : start + batch], np.float32)).to(device) for a in arrays]
            parts.append(torch.sigmoid(model(rows[0], tuple(rows[1:])).float()).cpu().numpy())
    return np.concatenate(parts)
