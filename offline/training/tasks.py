"""What can be trained, exported, averaged and drawn; light to import, since `--help` reads it."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from engine.core.config import Settings
from offline.training.common.config import AverageConfig, PlotConfig
from offline.training.confidence.config import ConfidenceTraining
from offline.training.detection.config import (
    DetectionExport,
    DetectionFinetuning,
    DetectionTable,
    DetectionTraining,
    RecurrentFinetuning,
)
from offline.training.generation.config import GenerationExport, GenerationSurvey, GenerationTraining
from offline.training.salience.config import SalienceExport, SalienceTraining
from offline.training.separation.config import (
    BlendConfig,
    RewriteConfig,
    SeparationExport,
    SeparationFinetuning,
    SeparationTable,
    SeparationTraining,
)
from offline.training.similarity.config import SimilarityExport, SimilarityTraining

__all__ = ["AVERAGE", "BLEND", "PLOT", "REWRITE", "TRAININGS", "TrainingJob", "TrainingRow"]


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """A function of one settings class.

    text: what it does, for `--help`
    config: the settings class, light to import
    function: `package.module:name`, imported when it runs
    """

    text: str
    config: type[Settings]
    function: str

    def run(self, config: Settings) -> Any:
        """Import the function and call it."""
        module, _, name = self.function.partition(":")
        return getattr(importlib.import_module(module), name)(config)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRow:
    """What can be done for one kind of network.

    name: on the command line
    text: what the network is for
    train: returns the figures of the last validation, by name
    export: returns the path of the file that the engine runs; None where nothing is exported
    table: returns the table of a paper as text
    finetune: teaches a finished network one's own data
    finetune_recurrent: continues the training of the recurrent layers alone
    """

    name: str
    text: str
    train: TrainingJob
    export: TrainingJob | None = None
    table: TrainingJob | None = None
    finetune: TrainingJob | None = None
    finetune_recurrent: TrainingJob | None = None


AVERAGE = TrainingJob(
    "average the weights of runs of one network", AverageConfig, "offline.training.common.average:average_checkpoints"
)
PLOT = TrainingJob("draw the learning curves of a run", PlotConfig, "offline.training.common.curves:plot_curves")

BLEND = TrainingJob(
    "blend exported separators into one file", BlendConfig, "offline.training.separation.blend:blend_separators"
)
REWRITE = TrainingJob(
    "write an exported separator of bands anew, with other bits or in the form of today",
    RewriteConfig,
    "offline.training.separation.rewrite:rewrite_separator",
)

ROWS = (
    TrainingRow(
        name="separation",
        text="separates songs into stems",
        train=TrainingJob(
            "train a network that separates songs into stems",
            SeparationTraining,
            "offline.training.separation.train:train_separation",
        ),
        export=TrainingJob(
            "export a trained separator", SeparationExport, "offline.training.separation.export:export_separation"
        ),
        table=TrainingJob(
            "train and measure the eight settings of table 1 of Sawata et al. (2021)",
            SeparationTable,
            "offline.training.separation.paper_table:separation_table",
        ),
        finetune=TrainingJob(
            "teach a finished network of bands new targets, as a bass, that it takes for `other`",
            SeparationFinetuning,
            "offline.training.separation.finetune:finetune_separation",
        ),
    ),
    TrainingRow(
        name="similarity",
        text="tells whether two frames are the same music",
        train=TrainingJob(
            "train a network that tells whether two frames are the same music",
            SimilarityTraining,
            "offline.training.similarity.train:train_similarity",
        ),
        export=TrainingJob(
            "export the live network of frame similarity",
            SimilarityExport,
            "offline.training.similarity.export:export_similarity",
        ),
    ),
    TrainingRow(
        name="salience",
        text="estimates which pitches sound",
        train=TrainingJob(
            "train a network that estimates which pitches sound",
            SalienceTraining,
            "offline.training.salience.train:train_salience",
        ),
        export=TrainingJob(
            "export a trained network of pitch salience",
            SalienceExport,
            "offline.training.salience.export:export_salience",
        ),
    ),
    TrainingRow(
        name="confidence",
        text="weighs the evidence that a position is right",
        train=TrainingJob(
            "weigh the evidence that the position of the score follower is right",
            ConfidenceTraining,
            "offline.training.confidence.train:train_confidence",
        ),
    ),
    TrainingRow(
        name="detection",
        text="detects which sounds begin and end",
        train=TrainingJob(
            "train a network that detects sounds on sets of scenes",
            DetectionTraining,
            "offline.training.detection.train:train_detection",
        ),
        export=TrainingJob(
            "tune the thresholds of a trained detector, measure and export it",
            DetectionExport,
            "offline.training.detection.export:export_detection",
        ),
        table=TrainingJob(
            "train and measure the rows of table 3 of Boes and Van hamme (2021)",
            DetectionTable,
            "offline.training.detection.paper_table:detection_table",
        ),
        finetune=TrainingJob(
            "teach a detector your own classes",
            DetectionFinetuning,
            "offline.training.detection.finetune:finetune_detection",
        ),
        finetune_recurrent=TrainingJob(
            "continue the training of the last layers alone, those behind the convolutions and some of these",
            RecurrentFinetuning,
            "offline.training.detection.finetune_recurrent:finetune_recurrent",
        ),
    ),
    TrainingRow(
        name="generation",
        text="systems that write music",
        train=TrainingJob(
            "train a system that writes music", GenerationTraining, "offline.training.generation.train:train_generation"
        ),
        export=TrainingJob(
            "export a system to files that play",
            GenerationExport,
            "offline.training.generation.export:export_generation",
        ),
        table=TrainingJob(
            "train every system side by side", GenerationSurvey, "offline.training.generation.train:train_survey"
        ),
    ),
)
TRAININGS = {row.name: row for row in ROWS}
