"""The paper's Table 3 on your sets: the CRNN with and without log-mel, auditory and visual embeddings.

Boes & Van hamme (2021), section 5: of several trainings a row the best on validation are taken, and the mean of their
figures on the test set is the row.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engine.core.config import require
from engine.core.errors import ConfigError
from offline.datasets.scenes import open_scene_set
from offline.evaluation.sound_events_tuning import decision_metrics
from offline.training.detection import train
from offline.training.detection.task import probabilities
from offline.training.detection.train import CrnnJob, load_crnn, train_crnn

__all__ = ["ROWS", "Row", "TableJob", "main", "run_table"]

FIGURES = ("clip_f1", "segment_f1", "event_f1")


@dataclass(frozen=True, slots=True)
class Row:
    """What a network of the table is given."""

    spectral: bool
    auditory: bool
    visual: bool

    def embeddings(self, auditory: str, visual: str) -> tuple[str, ...]:
        """Names and sizes, section 3: 16 and 4 beside the log-mel, 64 and 16 without."""
        sizes = (16, 4) if self.spectral else (64, 16)
        given = ((self.auditory, auditory, sizes[0]), (self.visual, visual, sizes[1]))
        return tuple(f"{name}={size}" for wanted, name, size in given if wanted)

    def __str__(self) -> str:
        parts = (("log-mel", self.spectral), ("auditory", self.auditory), ("visual", self.visual))
        return " + ".join(name for name, wanted in parts if wanted)


ROWS = (
    Row(True, False, False),
    Row(True, False, True),
    Row(True, True, False),
    Row(True, True, True),
    Row(False, False, True),
    Row(False, True, False),
    Row(False, True, True),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableJob:
    """base: how to train, its output a folder for all runs; test: a set; auditory, visual: names of the embeddings in
    the sets, empty for none, whose rows are left out; seeds: trainings a row; best: of them that count.
    """

    base: CrnnJob
    test: Path
    auditory: str = ""
    visual: str = ""
    seeds: int = 1
    best: int = 1

    def __post_init__(self) -> None:
        require("seeds", self.seeds, 1, 1000)
        require("best", self.best, 1, self.seeds)


def run_table(job: TableJob) -> dict[str, dict[str, float]]:
    """Train and measure every row that there is data for; clip, segment and event F1, 0 to 1, by row."""
    rows = [r for r in ROWS if (job.auditory or not r.auditory) and (job.visual or not r.visual)]
    if not rows:
        raise ConfigError("--auditory, --visual", expected="an embedding", got="none")
    return {str(row): _measured(job, row) for row in rows}


def _measured(job: TableJob, row: Row) -> dict[str, float]:
    test, runs = open_scene_set(job.test), []
    for seed in range(job.seeds):
        folder = job.base.output / f"{str(row).replace(' + ', '-')}-{seed}"
        one = _with(job, row, folder, seed)
        validated = sum(train_crnn(one)[name] for name in FIGURES)
        model = load_crnn(folder / "checkpoint.pt")
        measured = decision_metrics(test, probabilities(model, test))
        runs.append((validated, [measured[name] for name in FIGURES]))
    runs.sort(key=lambda run: -run[0])
    mean = np.mean([values for _, values in runs[: job.best]], axis=0)
    return dict(zip(FIGURES, mean.tolist(), strict=True))


def _with(job: TableJob, row: Row, folder: Path, seed: int) -> CrnnJob:
    batch = replace(job.base.batch, seed=seed)
    embeddings = row.embeddings(job.auditory, job.visual)
    return replace(job.base, output=folder, batch=batch, spectral=row.spectral, embeddings=embeddings)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the table by options, those of one training and its own, and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    train.add_options(parser)
    add = parser.add_argument
    add("--test", type=Path, required=True, help="set that the figures are of")
    add("--auditory", default="", metavar="NAME", help="of the sets' auditory embedding")
    add("--visual", default="", metavar="NAME", help="of the sets' visual embedding")
    add("--seeds", type=int, default=1, help="trainings a row (the paper's 20)")
    add("--best", type=int, default=1, help="of them on validation that count (the paper's 5)")
    o = parser.parse_args(arguments)
    base = train.from_options(o)
    job = TableJob(base=base, test=o.test, auditory=o.auditory, visual=o.visual, seeds=o.seeds, best=o.best)
    print(f"{'':32}{'clip F1':>12}{'segment F1':>12}{'event F1':>12}")
    for name, measured in run_table(job).items():
        print(f"{name:32}" + "".join(f"{100 * measured[f]:12.2f}" for f in FIGURES))


if __name__ == "__main__":
    main()
