"""Train any system that writes music: resumable, bounded in steps or minutes."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from typing import Any

import torch

from offline.generation.systems import SYSTEMS
from offline.music.corpora import Corpora
from offline.training.common.loop import Trainer, start_run
from offline.training.generation.config import GenerationSurvey, GenerationTraining, trained_systems
from offline.training.generation.task import SystemTraining

__all__ = ["build_training", "train_generation", "train_survey"]


def build_training(config: GenerationTraining, device: torch.device | str = "cpu") -> SystemTraining:
    """Return the training of the system of the settings, with its data loaded."""
    training: SystemTraining = SYSTEMS[config.system].training_class()(Corpora(config.data), config, device)
    return training


def train_generation(config: GenerationTraining) -> dict[str, float]:
    """Train a system; return the last validation."""
    task = build_training(config, start_run(config))
    loop = config.loop if config.loop.weight_decay else replace(config.loop, weight_decay=task.weight_decay)
    trainer = Trainer(task, config.output, loop, config)
    if config.resume:
        trainer.resume()
    n_parameters = sum(p.numel() for p in task.model.parameters())
    print(f"{config.system}, {config.size}: {n_parameters:,} parameters, from step {trainer.step}")
    return trainer.run()


def train_survey(config: GenerationSurvey) -> str:
    """Train every system, the longest first, each in its own process; return what each reached, as text.

    A system that fails is reported and does not stop the others.
    """
    names = sorted(config.systems or trained_systems(), key=lambda name: -SYSTEMS[name].minutes)
    lines = []
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(config.jobs, mp_context=context, max_tasks_per_child=1) as pool:
        jobs = {pool.submit(train_generation, _training_of(config, name)): name for name in names}
        for job in as_completed(jobs):
            lines.append(f"{jobs[job]:14} {_outcome(job)}")
            print(lines[-1], flush=True)
    return "\n".join(sorted(lines))


def _training_of(config: GenerationSurvey, name: str) -> GenerationTraining:
    """Return the settings of one system, whose minutes are relative to those of a system of usual size."""
    training = GenerationTraining(
        system=name,
        data=config.data,
        output=config.output / name,
        size=config.size,
        batch=config.batch,
        device=config.device,
        threads=1,  # the processes share the processor
        resume=True,
    )
    minutes = config.minutes * SYSTEMS[name].minutes
    loop = replace(training.loop, minutes=minutes, steps=config.steps, cpu_time=config.cpu_time, validate_every_s=600.0)
    return replace(training, loop=loop)


def _outcome(job: Any) -> str:
    """Return the figures of a finished job, or its error in one line."""
    if (error := job.exception()) is not None:
        return f"failed: {' '.join(str(error).split())[:120] or type(error).__name__}"
    return ", ".join(f"{name} {value:.4f}" for name, value in job.result().items())
