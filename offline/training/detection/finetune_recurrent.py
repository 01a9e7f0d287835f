"""Go on with the recurrent and last layers of a sound event CRNN alone, on what its convolutions and embeddings hear.

That is computed once, so a step costs a tenth of one of the whole network: where processor time is short, most of
what is left to learn, when sounds begin and end, is learnt here.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from engine.core.config import require
from engine.core.errors import ConfigError
from models.detection.losses import LossConfig, sound_event_loss
from models.detection.network import POOL, Crnn
from offline.datasets.scenes import SceneSet, open_scene_set
from offline.training.common.loop import autocast
from offline.training.detection.init_weights import weights_for
from offline.training.detection.task import STRONG, embeddings_of
from offline.training.detection.train import embedding_input, grouped, load_crnn

__all__ = ["RecurrentFit", "RecurrentJob", "fit_recurrent", "heard_by", "main", "train_recurrent"]

HEARING_BATCH = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class RecurrentFit:
    """steps: 1 to 1,000,000; rate: of Adam, falling to 0; dropout: of what the convolutions hear, 0 to 0.9; strong:
    weight of the loss by steps; edges: of beginnings and ends in it (`models.detection.losses.LossConfig`); hidden:
    share of the scenes of which nothing of the log-mel is heard, 0 to 0.9, so that sounds known by heart do not make
    the embeddings idle.
    """

    steps: int = 1000
    batch: int = 32
    rate: float = 2e-3
    dropout: float = 0.1
    strong: float = 2.0
    edges: float = 1.0
    average: float = 0.99
    hidden: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        require("steps", self.steps, 1, 1_000_000)
        require("batch", self.batch, 1, 4096)
        require("rate", self.rate, 0, 1)
        require("dropout", self.dropout, 0, 0.9)
        require("average", self.average, 0, 0.999999)
        require("hidden", self.hidden, 0, 0.9)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecurrentJob:
    """checkpoint: of the network to go on with; sets: of strongly labelled scenes; output: folder of checkpoint.pt;
    scenes: how many are drawn, 1 to 1,000,000; look_ahead: steps of a causal network that begins with what one of both
    directions hears, whose convolutions then lag by 6; None goes on with the same network; embeddings: NAME or
    NAME=SIZE, what the sets have besides and is to be fused.
    """

    checkpoint: Path
    sets: tuple[Path, ...]
    output: Path
    scenes: int = 2500
    look_ahead: int | None = None
    embeddings: tuple[str, ...] = ()
    fit: RecurrentFit = field(default_factory=RecurrentFit)

    def __post_init__(self) -> None:
        require("scenes", self.scenes, 1, 1_000_000)


def train_recurrent(job: RecurrentJob) -> list[float]:
    """Write checkpoint.pt, which is read like any other; the loss of each step."""
    model = load_crnn(job.checkpoint)
    if not model.config.spectral or model.config.embeddings:
        raise ConfigError(str(job.checkpoint), expected="a network of log-mel alone", got="one with embeddings")
    scenes = grouped([open_scene_set(folder) for folder in job.sets])["strong"]
    torch.manual_seed(job.fit.seed)
    model = _changed(model, job, scenes)
    rng = np.random.default_rng(job.fit.seed)
    losses = fit_recurrent(model, scenes, np.sort(rng.permutation(len(scenes))[: job.scenes]), job.fit)
    job.output.mkdir(parents=True, exist_ok=True)
    torch.save({"task": model.config.as_dict(), "weights": model.state_dict()}, job.output / "checkpoint.pt")
    return losses


def _changed(finished: Crnn, job: RecurrentJob, scenes: SceneSet) -> Crnn:
    """A network that hears what `finished` hears: causal, or with embeddings, if the job says so."""
    causal = {} if job.look_ahead is None else {"causal": True, "look_ahead": job.look_ahead}
    embeddings = tuple(embedding_input(text, scenes) for text in job.embeddings)
    config = replace(finished.config, embeddings=embeddings, **causal)  # type: ignore[arg-type]
    model = Crnn(config)
    model.load_state_dict(weights_for(config, finished, late=True))
    return model.eval()


def heard_by(model: Crnn, scenes: SceneSet, rows: np.ndarray) -> Tensor:
    """What the convolutions give for these scenes, (scene, step, channel) in bfloat16, look-ahead included."""
    parts = []
    with torch.inference_mode(), autocast(torch.device("cpu")):
        for start in tqdm(range(0, len(rows), HEARING_BATCH), unit="batch"):
            mel = torch.from_numpy(np.asarray(scenes.mel[rows[start : start + HEARING_BATCH]], np.float32))
            x = functional.pad(model.standardised(mel), (0, 0, 0, POOL * model.config.look_ahead))[:, None]
            x = x.to(memory_format=torch.channels_last)
            for stack in model.stacks:
                x, _ = stack(x)
            parts.append(x[..., 0].transpose(1, 2).to(torch.bfloat16))
    return torch.cat(parts).clone()


def fit_recurrent(model: Crnn, scenes: SceneSet, rows: np.ndarray, job: RecurrentFit) -> list[float]:
    """Learn everything behind the convolutions on these scenes; the loss of each step."""
    heard = heard_by(model, scenes, rows)
    besides = [torch.from_numpy(np.asarray(of[rows])) for of in embeddings_of(model, scenes)]
    return _fit(model, (heard, *besides), torch.from_numpy(np.asarray(scenes.steps[rows])), job)


def _fit(model: Crnn, heard: tuple[Tensor, ...], labels: Tensor, job: RecurrentFit) -> list[float]:
    layers = nn.ModuleList([model.recurrent, model.head, model.projections])
    optimiser = torch.optim.Adam(layers.parameters(), lr=job.rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, job.steps)
    averaged = torch.optim.swa_utils.AveragedModel(
        layers, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(job.average)
    )
    config, ahead = LossConfig(consistency=0, strong=job.strong, edges=job.edges), model.config.look_ahead
    known = torch.full((job.batch,), STRONG)
    torch.manual_seed(job.seed)
    losses = []
    for _ in tqdm(range(job.steps), unit="step"):
        rows = torch.randint(len(labels), (job.batch,))
        x = _input(model, [of[rows].float() for of in heard], job)
        logits = model.head(model.recurrent(x)[0])[:, ahead:]
        loss, _ = sound_event_loss(logits, labels[rows].float(), known, config)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(layers.parameters(), 5.0)
        optimiser.step()
        schedule.step()
        averaged.update_parameters(layers)
        losses.append(float(loss.detach()))
    layers.load_state_dict(averaged.module.state_dict())
    return losses


def _input(model: Crnn, heard: list[Tensor], job: RecurrentFit) -> Tensor:
    """What the recurrent layers get, (scene, step, feature), with everything dropped that is to be."""
    spectral, *besides = heard
    if job.hidden:
        spectral = spectral * (torch.rand(len(spectral), 1, 1) >= job.hidden)
    parts = [functional.dropout1d(spectral.transpose(1, 2), job.dropout).transpose(1, 2)]
    for projection, of in zip(model.projections, besides, strict=True):
        projected = torch.relu(projection(functional.pad(of, (0, 0, 0, model.config.look_ahead))))
        parts.append(functional.dropout1d(projected.transpose(1, 2), job.dropout).transpose(1, 2))
    return torch.cat(parts, 2)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train by options."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("checkpoint", type=Path)
    add("output", type=Path, help="folder for the new checkpoint.pt")
    add("--sets", type=Path, nargs="+", required=True, help="folders of mixed scenes")
    add("--scenes", type=int, default=2500, help="that are drawn from the sets")
    add("--steps", type=int, default=1000)
    add("--batch", type=int, default=32)
    add("--rate", type=float, default=2e-3)
    add("--look-ahead", type=int, metavar="STEPS", help="make it causal, waiting so long before it speaks of a step")
    add("--embedding", action="append", default=[], metavar="NAME=SIZE", help="fuse it, projected to SIZE (default 16)")
    add("--hidden", type=float, default=0.0, metavar="SHARE", help="of the scenes of which the log-mel is not heard")
    add("--edges", type=float, default=1.0, help="weight of the quarter second after a sound begins or ends")
    add("--seed", type=int, default=0)
    o = parser.parse_args(arguments)
    fit = RecurrentFit(steps=o.steps, batch=o.batch, rate=o.rate, hidden=o.hidden, edges=o.edges, seed=o.seed)
    job = RecurrentJob(
        checkpoint=o.checkpoint,
        sets=tuple(o.sets),
        output=o.output,
        scenes=o.scenes,
        look_ahead=o.look_ahead,
        embeddings=tuple(o.embedding),
        fit=fit,
    )
    losses = train_recurrent(job)
    print(f"loss {np.mean(losses[:50]):.3f} at first, {np.mean(losses[-50:]):.3f} at last")


if __name__ == "__main__":
    main()
