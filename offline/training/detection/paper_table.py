"""The paper's Table 3 on your sets: the CRNN with and without log-mel, auditory and visual embeddings.

Boes & Van hamme (2021), section 5: of several trainings per row the best on validation count, and the mean of their
figures on the test set is the row.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from engine.core.table_log import table_text
from engine.core.whole_file import whole_text
from offline.datasets.scenes import open_scene_set
from offline.evaluation.detection.sound_events_tuning import decision_metrics
from offline.training.common.checkpoint import CHECKPOINT
from offline.training.detection.config import DetectionTable, DetectionTraining
from offline.training.detection.init_weights import load_crnn
from offline.training.detection.train import scene_probabilities, train_detection

__all__ = ["INPUTS", "PUBLISHED_F1", "RowInputs", "detection_table", "measure_table"]

FIGURES = ("clip_f1", "segment_f1", "event_f1")
HEADINGS = ("clip F1", "segment F1", "event F1")


@dataclass(frozen=True, slots=True)
class RowInputs:
    """Inputs of the network of a row."""

    spectral: bool
    auditory: bool
    visual: bool

    def embeddings(self, auditory: str, visual: str) -> tuple[str, ...]:
        """Name embeddings with their sizes, section 3: 16 and 4 beside the log-mel, 64 and 16 without."""
        sizes = (16, 4) if self.spectral else (64, 16)
        given = ((self.auditory, auditory, sizes[0]), (self.visual, visual, sizes[1]))
        return tuple(f"{name}={size}" for wanted, name, size in given if wanted)

    def __str__(self) -> str:
        parts = (("log-mel", self.spectral), ("auditory", self.auditory), ("visual", self.visual))
        return " + ".join(name for name, wanted in parts if wanted)


INPUTS = (
    RowInputs(True, False, False),
    RowInputs(True, False, True),
    RowInputs(True, True, False),
    RowInputs(True, True, True),
    RowInputs(False, False, True),
    RowInputs(False, True, False),
    RowInputs(False, True, True),
)


PUBLISHED_F1 = dict(  # of Table 3, percent
    zip(
        map(str, INPUTS),
        (
            (76.22, 70.09, 33.03),
            (80.72, 73.81, 32.58),
            (81.03, 74.74, 33.40),
            (83.72, 76.86, 32.65),
            (61.60, 51.83, 15.68),
            (78.17, 70.20, 18.83),
            (80.04, 71.01, 22.31),
        ),
        strict=True,
    )
)


def detection_table(config: DetectionTable) -> str:
    """Train and measure every row; the table as text, in percent, the published figures behind ours.

    Also written as OUTPUT/table.csv and OUTPUT/table.md; rows whose embedding the sets lack have published ones alone.
    """
    measured = measure_table(config)
    head = ["inputs", *(f"{name}{whose}" for name in HEADINGS for whose in ("", ", published"))]
    rows = [head]
    for row, published in PUBLISHED_F1.items():
        ours = [f"{100 * measured[row][name]:.2f}" if row in measured else "-" for name in FIGURES]
        rows.append([row, *(cell for pair in zip(ours, map("{:.2f}".format, published), strict=True) for cell in pair)])
    with whole_text(config.output / "table.csv") as file:
        file.write(table_text(rows))
    with whole_text(config.output / "table.md") as file:
        file.writelines(f"| {' | '.join(row)} |\n" for row in (head, ["---"] * len(head), *rows[1:]))
    return "\n".join(row[0].ljust(32) + "".join(cell.rjust(23) for cell in row[1:]) for row in rows)


def measure_table(config: DetectionTable) -> dict[str, dict[str, float]]:
    """Train and measure every row that the sets have embeddings for; clip, segment and event F1, 0 to 1, by row."""
    rows = [each for each in INPUTS if (config.auditory or not each.auditory) and (config.visual or not each.visual)]
    return {str(row): _measure_row(config, row) for row in rows}


def _measure_row(config: DetectionTable, row: RowInputs) -> dict[str, float]:
    test, runs = open_scene_set(config.test), []
    for seed in range(config.seeds):
        folder = config.output / f"{str(row).replace(' + ', '-')}-{seed}"
        validated = train_detection(_training(config, row, folder, seed))
        measured = decision_metrics(test, scene_probabilities(load_crnn(folder / CHECKPOINT), test))
        runs.append((sum(validated[name] for name in FIGURES), [measured[name] for name in FIGURES]))
    runs.sort(key=lambda run: -run[0])
    mean = np.mean([values for _, values in runs[: config.best]], axis=0)
    return dict(zip(FIGURES, mean.tolist(), strict=True))


def _training(config: DetectionTable, row: RowInputs, folder: Path, seed: int) -> DetectionTraining:
    """Make the training of a row, whose inputs replace those of the config."""
    common = {each.name: getattr(config, each.name) for each in fields(DetectionTraining)}
    network = replace(config.network, spectral=row.spectral)
    embedding = row.embeddings(config.auditory, config.visual)
    return DetectionTraining(**{**common, "output": folder, "seed": seed, "network": network, "embedding": embedding})
