"""Training of networks that detect sounds."""

from typing import TYPE_CHECKING

from engine.core.lazy import lazy

if TYPE_CHECKING:
    from offline.training.detection.config import (
        DetectionExport,
        DetectionFinetuning,
        DetectionTable,
        DetectionTraining,
        RecurrentFinetuning,
        RecurrentFit,
        SceneAugmentation,
    )
    from offline.training.detection.export import export_detection
    from offline.training.detection.finetune import finetune_detection
    from offline.training.detection.paper_table import detection_table
    from offline.training.detection.train import train_detection
else:
    __getattr__ = lazy(__name__)

__all__ = [
    "DetectionExport",
    "DetectionFinetuning",
    "DetectionTable",
    "DetectionTraining",
    "RecurrentFinetuning",
    "RecurrentFit",
    "SceneAugmentation",
    "detection_table",
    "export_detection",
    "finetune_detection",
    "train_detection",
]
