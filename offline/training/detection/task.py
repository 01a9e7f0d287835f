"""Train the sound event CRNN: supervised, or as the student of a mean teacher, on any mixture of labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engine.core.errors import ConfigError
from engine.detection.event_decoder import DecisionConfig
from models.detection.losses import LossConfig, published_rate, sound_event_loss
from models.detection.network import Crnn
from offline.datasets.scenes import SceneSet
from offline.detection.clip_decisions import detect, tag
from offline.evaluation.sound_events import evaluate_sound_events
from offline.training.common.config import LoopConfig
from offline.training.common.loop import Trainer, autocast
from offline.training.detection.augment import BatchConfig, perturbed

__all__ = [
    "STRONG",
    "UNLABELLED",
    "WEAK",
    "CrnnTask",
    "CrnnTrainer",
    "Source",
    "embeddings_of",
    "probabilities",
]

UNLABELLED, WEAK, STRONG = 0, 1, 2
STATISTICS_SCENES = 500


@dataclass(frozen=True, slots=True)
class Source:
    """Scenes to draw from, and what of their labels may be used: UNLABELLED, WEAK or STRONG; share of each batch."""

    scenes: SceneSet
    known: int
    n_a_batch: int
    chosen: Sequence[int] | None = None  # the scenes' numbers; all, if None


class CrnnTask:
    """The model, its sources of scenes and its validation set, as `offline.training.common.loop.TrainingTask`."""

    def __init__(
        self, model: Crnn, sources: Sequence[Source], validation: SceneSet, loss: LossConfig, batch: BatchConfig
    ) -> None:
        for source in sources:
            if source.scenes.classes != model.config.classes:
                expected, got = ", ".join(model.config.classes), ", ".join(source.scenes.classes)
                raise ConfigError("scenes", expected=expected, got=got)
        if model.config.embeddings and (batch.shift or batch.stretch or batch.overlay):
            remedy = "leave --embedding out, or shift, stretch and overlay"
            raise ConfigError("embeddings", expected="none beside scenes that are moved", got="some", remedy=remedy)
        self.model, self.sources, self.validation = model, list(sources), validation
        self.losses, self.batch = loss, batch
        self.teacher: nn.Module | None = None  # set where consistency is asked for
        self._resident: dict[int, tuple[Tensor, ...]] = {}  # sets of scenes that fit the accelerator's memory

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.model.mean.device

    def measure_statistics(self) -> None:
        """Set the model's fixed standardisation from the first source."""
        scenes = self.sources[0].scenes
        some = np.asarray(scenes.mel[: min(len(scenes), STATISTICS_SCENES)], np.float32).reshape(
            -1, scenes.mel.shape[2]
        )
        self.model.set_statistics(torch.from_numpy(some.mean(0)), torch.from_numpy(some.std(0)))

    def loss(self, index: int) -> tuple[Tensor, dict[str, float]]:
        """The loss of batch `index`."""
        rng = np.random.default_rng([self.batch.seed, index])
        mel, labels, known, heard = self._draw(rng)
        noisy, labels = perturbed(mel, labels, known, self.batch, rng)
        with autocast(self.device, enabled=self.batch.mixed):
            logits = self.model(noisy, heard)
            with torch.no_grad():
                teacher = self.teacher(noisy, heard) if self.teacher is not None else None
        return sound_event_loss(logits, labels, known, self.losses, teacher)

    def validate(self, model: nn.Module) -> dict[str, float]:
        """The paper's three figures with its fixed threshold and median filter."""
        scenes = self.validation
        steps = probabilities(model, scenes, mixed=self.batch.mixed)
        found = detect(scenes.names, steps, scenes.classes, DecisionConfig())
        return evaluate_sound_events(scenes.events, found, scenes.classes, tag(scenes.names, steps, scenes.classes))

    def describe(self) -> dict[str, Any]:
        """The model's settings."""
        return self.model.config.as_dict()

    def _draw(self, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor, tuple[Tensor, ...]]:
        """Log-mel (batch, frame, mel), labels (batch, step, class), what is known (batch), embeddings."""
        parts, known = [], []
        for source in self.sources:
            among = np.arange(len(source.scenes)) if source.chosen is None else np.asarray(source.chosen)
            parts.append(self._rows(source.scenes, np.sort(rng.choice(among, source.n_a_batch))))
            known += [source.known] * source.n_a_batch
        mel, labels, *heard = (torch.cat(columns).float() for columns in zip(*parts, strict=True))
        return mel, labels, torch.tensor(known, device=self.device), tuple(heard)

    def _rows(self, scenes: SceneSet, rows: np.ndarray) -> tuple[Tensor, ...]:
        """These scenes on the device: read as they are asked for on a CPU, all kept in an accelerator's memory."""
        arrays = scenes.mel, scenes.steps, *embeddings_of(self.model, scenes)
        if self.device.type == "cpu":
            return tuple(torch.from_numpy(a[rows]) for a in arrays)
        if id(scenes) not in self._resident:
            self._resident[id(scenes)] = tuple(
                torch.from_numpy(np.ascontiguousarray(a)).to(self.device) for a in arrays
            )
        chosen = torch.from_numpy(rows).to(self.device)
        return tuple(values[chosen] for values in self._resident[id(scenes)])


class CrnnTrainer(Trainer):
    """The loop; where asked for, with the paper's learning rate, and with the average of the weights as teacher."""

    def __init__(self, task: CrnnTask, folder: Any, config: LoopConfig, *, published: bool = False) -> None:
        super().__init__(task, folder, config)
        self.published = published
        if task.losses.consistency and task.teacher is None:
            task.teacher = self.averaged.module

    def _rate(self, done: float) -> float:
        if self.published:
            return self.config.learning_rate * published_rate(self.step)
        return super()._rate(done)


def embeddings_of(model: nn.Module, scenes: SceneSet) -> tuple[np.ndarray, ...]:
    """What the model hears besides the log-mel, in its order; ConfigError if the set lacks one."""
    found = []
    for wanted in model.config.embeddings:  # type: ignore[union-attr]
        given = scenes.embeddings.get(wanted.name)
        if given is None or given.shape[2] != wanted.n_in:
            got = "none" if given is None else str(given.shape[2])
            raise ConfigError(f"embedding {wanted.name} of the set", expected=f"{wanted.n_in} numbers a step", got=got)
        found.append(given)
    return tuple(found)


def probabilities(model: nn.Module, scenes: SceneSet, *, batch: int = 32, mixed: bool = False) -> np.ndarray:
    """Step probabilities (scene, step, class) of a set; the model is in evaluation mode."""
    device = next(model.parameters()).device
    arrays, parts = (scenes.mel, *embeddings_of(model, scenes)), []
    with torch.inference_mode(), autocast(device, enabled=mixed):
        for start in range(0, len(scenes), batch):
            rows = [torch.from_numpy(np.asarray(a[start : start + batch], np.float32)).to(device) for a in arrays]
            parts.append(torch.sigmoid(model(rows[0], tuple(rows[1:])).float()).cpu().numpy())
    return np.concatenate(parts)
