"""The training of Frames: it learns, it resumes, and its likelihood is that of whole pieces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from offline.music.corpora import Corpora
from offline.training.common.config import LoopConfig
from offline.training.common.loop import Trainer
from offline.training.generation.config import GenerationTraining
from offline.training.generation.frames import FramesTraining, prepare_frames
from tests.tolerances import EXPORT


def training(folder: Path, output: Path = Path("unused")) -> FramesTraining:
    config = GenerationTraining(
        system="Frames", data=folder, output=output, size="tiny", batch=4, hidden=16, width=16, embed=8, dropout=0.2
    )
    return FramesTraining(Corpora(folder), config)


def test_training_learns_and_resumes(folder: Path, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    loop = LoopConfig(steps=60, learning_rate=1e-2, average=0.9)
    task = training(folder, tmp_path)
    untrained = task.validate(task.model.eval())["nats_per_note"]
    first = Trainer(task, tmp_path, loop)
    learnt = first.run()["nats_per_note"]
    assert learnt < 0.7 * untrained
    second = Trainer(training(folder, tmp_path), tmp_path, loop)
    second.resume()
    assert second.step == first.step
    assert abs(second.task.validate(second.averaged.module.eval())["nats_per_note"] - learnt) < EXPORT


def test_the_likelihood_of_a_piece_does_not_depend_on_its_neighbours(folder: Path) -> None:
    task = training(folder)
    task.model.eval()
    together = task.nll(task.model, "valid")[1]
    task.chorales = {"valid": [task.chorales["valid"][1]]}
    assert np.abs(task.nll(task.model, "valid")[0] - together).max() < EXPORT


def test_ages_count_from_the_silence_before() -> None:
    tokens, held, *_ = prepare_frames(np.array([[0, 5], [0, 5], [3, 5]]))
    assert held[:, 0].tolist() == [0, 1, 2, 0]
    assert held[:, 1].tolist() == [0, 0, 1, 2]
    assert tokens.shape == (4, 2)
