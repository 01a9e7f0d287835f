"""`collaparte train generator`: any system of the survey by one command, resumable, bounded in minutes."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from engine.core.errors import ConfigError
from models.generation.frames import FrameLstmConfig
from offline.generation.systems import SYSTEMS, find
from offline.music.corpora import Corpora
from offline.music.roll_sets import ROLL_SETS
from offline.training.common.config import LoopConfig
from offline.training.common.loop import Trainer, TrainingTask, pick_device
from offline.training.generation import adversarial, blocks, rl_tuner, rolls, tokens
from offline.training.generation.frames import ChoraleFrames, FrameTraining
from offline.training.generation.task import SIZES, SystemTask, TaskSettings

__all__ = ["TASKS", "add_options", "build", "main", "train"]

TASKS: dict[str, type[SystemTask]] = {
    "BachBot": tokens.BachBot,
    "Blues_C": tokens.BluesChords,
    "Blues_MC": tokens.BluesMelody,
    "Celtic": tokens.Celtic,
    "CONCERT": tokens.Concert,
    "C-RBM": rolls.TemplateRbm,
    "C-RNN-GAN": adversarial.Adversarial,
    "deepAC": blocks.DeepAc,
    "DeepBach": blocks.Infill,
    "DeepHear_M": blocks.DeepHear,
    "DeepHear_C": blocks.DeepHear,
    "Hexahedria": rolls.Hexahedria,
    "MidiNet": adversarial.Bars,
    "MiniBach": blocks.Window,
    "Rhythm": tokens.Rhythm,
    "RNN-RBM": rolls.RollRbm,
    "RL-Tuner": rl_tuner.RlTuner,
    "UnitSelection": rl_tuner.UnitSelection,
    "VRAE": blocks.Latent,
    "VRASH": blocks.LatentMelody,
    "WaveNet": tokens.Sound,
}


FRAME_OPTIONS = {"hidden": int, "width": int, "embed": int, "dropout": float, "blank": float}
WINDOW_FRAMES = 32  # short windows are more steps for the same work, and state is carried across them


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `collaparte train generator`."""
    add = parser.add_argument
    add("--system", required=True, help="one of " + ", ".join(name for name in SYSTEMS if name != "Markov"))
    add("--data", type=Path, required=True, help="folder of symbolic corpora (and tunes.json)")
    add("--out", type=Path, required=True, help="folder for checkpoint and curves")
    add("--size", choices=SIZES, default="published")
    add("--minutes", type=float, default=10.0)
    add("--steps", type=int, help="train for this number of steps instead of minutes")
    add(
        "--cpu",
        action="store_true",
        help="count the minutes in this process's CPU time, as on a busy machine one should",
    )
    add("--rate", type=float, default=2e-3)
    add("--decay", type=float, default=0.6, help="last part of the run over which the learning rate falls")
    add("--batch", type=int, help="(default 16, of Frames 8)")
    add("--validate-every", type=float, default=120.0, metavar="SECONDS")
    for name, kind in FRAME_OPTIONS.items():
        add(f"--{name}", type=kind, help="of Frames only; the size decides otherwise")
    add("--rolls", choices=ROLL_SETS, default=ROLL_SETS[0], help="of RNN-RBM only: the set that it learns")
    add("--seed", type=int, default=0)
    add("--device", default="auto")
    add("--threads", type=int, default=1)
    add("--resume", action="store_true")


FRAMES = {
    "published": FrameLstmConfig(hidden=512, width=256, dropout=0.3),
    "small": FrameLstmConfig(hidden=256, width=256, dropout=0.5, blank=0.05, home=True),
    "tiny": FrameLstmConfig(hidden=12, width=8, embed=4),
}


WEIGHT_DECAY = {"Frames": 1e-5}  # its tables of pairs are large for the little data there is


def build(args: argparse.Namespace) -> TrainingTask:
    """The task that the options ask for, its data loaded."""
    find(args.system)
    corpora, device = Corpora(args.data), pick_device(args.device)
    if args.system == "Markov":
        raise ConfigError("system", expected="a network", got="Markov", remedy="it is counted when asked for")
    if args.system == "Frames":
        asked = {name: getattr(args, name) for name in FRAME_OPTIONS if getattr(args, name) is not None}
        config = replace(FRAMES[args.size], **asked)
        training = FrameTraining(n_streams=args.batch or 8, n_frames=WINDOW_FRAMES, seed=args.seed)
        return ChoraleFrames(corpora.chorales(), config, training, device)
    settings = TaskSettings(
        size=args.size, batch=args.batch or 16, device=str(device), seed=args.seed, rolls=args.rolls
    )
    return TASKS[args.system](corpora, settings)


def train(args: argparse.Namespace) -> dict[str, float]:
    """Run the options of `add_options`; returns the last validation."""
    torch.set_num_threads(args.threads)
    task: Any = build(args)
    loop = LoopConfig(
        minutes=args.minutes,
        steps=args.steps,
        learning_rate=args.rate,
        decay=args.decay,
        clip=1.0,
        weight_decay=WEIGHT_DECAY.get(args.system, 0.0),
        average=0.995,
        validate_every_s=args.validate_every,
        cpu_time=args.cpu,
    )
    trainer = Trainer(task, args.out, loop)
    if args.resume:
        trainer.resume()
    n_parameters = sum(p.numel() for p in task.model.parameters())
    print(f"{args.system}, {args.size}: {n_parameters:,} parameters, from step {trainer.step}")
    figures = trainer.run()
    print(", ".join(f"{name} {value:.4f}" for name, value in figures.items()))
    return figures


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m offline.training.generation.train`."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_options(parser)
    train(parser.parse_args(arguments))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
