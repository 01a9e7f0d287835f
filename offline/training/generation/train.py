"""Train any system that writes music: resumable, bounded in steps or minutes."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from typing import Any

from offline.generation.systems import SYSTEMS
from offline.training.common.checkpoint import CHECKPOINT
from offline.training.common.loop import Trainer, start_run
from offline.training.generation.build import build_training
from offline.training.generation.config import (
    GenerationExport,
    GenerationSurvey,
    GenerationTraining,
    trained_systems,
)
from offline.training.generation.export import export_generation
from offline.training.generation.markov import COUNTED, count_system

__all__ = ["train_generation", "train_survey"]


def train_generation(config: GenerationTraining) -> dict[str, float]:
    """Train a system, and write the files that play beside its checkpoint; return the last validation."""
    if config.system == COUNTED:
        return count_system(config)
    task = build_training(config, start_run(config))
    loop = config.loop if config.loop.weight_decay else replace(config.loop, weight_decay=task.weight_decay)
    trainer = Trainer(task, config.output, loop, config)
    if config.resume:
        trainer.resume()
    n_parameters = sum(p.numel() for p in task.model.parameters())
    print(f"{config.system}, {config.size}: {n_parameters:,} parameters, from step {trainer.step}")
    figures = trainer.run()
    export_generation(GenerationExport(checkpoint=config.output / CHECKPOINT, data=config.data, output=config.output))
    return figures


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
