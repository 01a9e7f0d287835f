"""Make the training of a system, with its data loaded."""

from __future__ import annotations

import torch

from offline.generation.systems import SYSTEMS
from offline.music.corpora import Corpora
from offline.training.generation.config import GenerationTraining
from offline.training.generation.task import SystemTraining

__all__ = ["build_training"]


def build_training(config: GenerationTraining, device: torch.device | str = "cpu") -> SystemTraining:
    """Return the training of the system of the settings, with its data loaded."""
    training: SystemTraining = SYSTEMS[config.system].training_class()(Corpora(config.data), config, device)
    return training
