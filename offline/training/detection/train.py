"""One call trains one CRNN: what the command line offers."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from engine.core.config import require, require_one_of
from engine.core.errors import ConfigError
from models.detection.losses import LossConfig
from models.detection.network import Crnn, CrnnConfig, EmbeddingInput
from models.detection.reimport import calibrate, crnn_from_file
from offline.datasets.scenes import KNOWN, SceneSet, open_scene_set
from offline.training.common.config import LoopConfig
from offline.training.common.loop import pick_device
from offline.training.detection.augment import BatchConfig
from offline.training.detection.init_weights import weights_for
from offline.training.detection.task import STRONG, UNLABELLED, WEAK, CrnnTask, CrnnTrainer, Source

__all__ = [
    "CrnnJob",
    "add_options",
    "begin",
    "embedding_input",
    "from_options",
    "grouped",
    "joined",
    "load_crnn",
    "main",
    "sources",
    "train_crnn",
]

LABELS = ("strong", "weak")
CALIBRATED = 96  # scenes that the batch norms of an exported network are measured on
FILTERS = (16, 32, 64, 128, 128, 128, 128)  # table 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CrnnJob:
    """What to train, on what, where to.

    sets: folders made by `offline.datasets.make_scenes`; validation: one more; output: folder of the run; labels:
    "strong" uses the steps' labels, "weak" the clips' only; labelled: share of the scenes that have labels at all, 0 to
    1, the others are unlabelled (the paper's 24 + 24 a batch); teacher: mean teacher on all scenes; distil: the
    checkpoint of a finished network whose probabilities are learnt too; start_from: one, or an exported network, whose
    weights are gone on from; spectral: whether the log-mel is used; embeddings: NAME or NAME=SIZE, what the sets have
    besides and is to be fused. Classes come from the sets.
    """

    sets: tuple[Path, ...]
    validation: Path
    output: Path
    activation: str = "relu"
    causal: bool = False
    look_ahead: int = 0
    dropout: float = 1 / 3
    drop_channels: bool = False
    filters: tuple[int, ...] = FILTERS
    spectral: bool = True
    embeddings: tuple[str, ...] = ()
    labels: str = "strong"
    labelled: float = 1.0
    teacher: bool = False
    n_batch: int = 48
    published_rate: bool = False
    device: str = "auto"
    resume: bool = False
    start_from: Path | None = None
    distil: Path | None = None
    batch: BatchConfig = field(default_factory=BatchConfig)
    loop: LoopConfig = field(default_factory=LoopConfig)

    def __post_init__(self) -> None:
        require_one_of("labels", self.labels, LABELS)
        require("labelled", self.labelled, 0, 1)
        require("n_batch", self.n_batch, 2, 4096)


def train_crnn(job: CrnnJob) -> dict[str, float]:
    """Train, leaving checkpoint.pt and curves.jsonl in `job.output`; the figures of the last validation."""
    groups = grouped([open_scene_set(folder) for folder in job.sets])
    scenes = next(iter(groups.values()))
    config = CrnnConfig(
        classes=scenes.classes,
        activation=job.activation,
        causal=job.causal,
        look_ahead=job.look_ahead,
        dropout=job.dropout,
        drop_channels=job.drop_channels,
        filters=job.filters,
        spectral=job.spectral,
        embeddings=tuple(embedding_input(text, scenes) for text in job.embeddings),
    )
    torch.manual_seed(job.batch.seed)
    model = Crnn(config)
    if job.start_from is not None:
        begin(model, job.start_from, scenes)
    device = pick_device(job.device)
    losses = LossConfig() if job.teacher or job.distil else LossConfig(consistency=0)
    task = CrnnTask(model, sources(job, groups), open_scene_set(job.validation), losses, job.batch)
    if job.distil is not None:
        task.teacher = load_crnn(job.distil).to(device)
    if job.start_from is None:
        task.measure_statistics()
    model.to(device, memory_format=torch.channels_last)
    trainer = CrnnTrainer(task, job.output, job.loop, published=job.published_rate)
    if job.resume:
        trainer.resume()
    return trainer.run()


def begin(model: Crnn, start: Path, scenes: SceneSet) -> None:
    """Take over the weights of a run's checkpoint, or of an exported file, whose batch norms are measured anew."""
    exported = start.suffix == ".onnx"
    model.load_state_dict(weights_for(model.config, crnn_from_file(start) if exported else load_crnn(start)))
    if exported:
        calibrate(model.eval(), torch.from_numpy(np.asarray(scenes.mel[:CALIBRATED], np.float32)))


def sources(job: CrnnJob, groups: Mapping[str, SceneSet]) -> list[Source]:
    """Strongly and weakly labelled scenes; for a mean teacher, half of each batch of those without labels.

    groups: scenes by what is known of them. Where `job.labelled` is below 1, the rest counts as unlabelled.
    """
    rng = np.random.default_rng(job.batch.seed)
    labelled: list[tuple[SceneSet, int, np.ndarray]] = []
    others: list[tuple[SceneSet, int, np.ndarray]] = []
    for name, scenes in groups.items():
        order = rng.permutation(len(scenes))
        n = 0 if name == "unlabelled" else max(round(job.labelled * len(scenes)), 1)
        known = STRONG if name == job.labels == "strong" else WEAK
        if n:
            labelled.append((scenes, known, order[:n]))
        if job.teacher and n < len(scenes):
            others.append((scenes, UNLABELLED, order[n:]))
    n_others = job.n_batch // 2 if others else 0
    return [*_shared(labelled, job.n_batch - n_others), *_shared(others, n_others)]


def _shared(parts: list[tuple[SceneSet, int, np.ndarray]], n_batch: int) -> list[Source]:
    """Equal shares of a batch."""
    n, more = divmod(n_batch, max(len(parts), 1))
    return [Source(scenes, known, n + (i < more), chosen) for i, (scenes, known, chosen) in enumerate(parts)]


def grouped(sets: Sequence[SceneSet]) -> dict[str, SceneSet]:
    """Sets joined by what is known of them, labelled ones first; ConfigError if none is labelled."""
    groups = {name: [one for one in sets if one.known == name] for name in KNOWN}
    if not (groups["strong"] or groups["weak"]):
        raise ConfigError("--sets", expected="at least one set with labels", got="unlabelled ones only")
    return {name: joined(of) for name, of in groups.items() if of}


def joined(sets: list[SceneSet]) -> SceneSet:
    """Several sets as one; a single one stays mapped, several are read into memory."""
    if len(sets) == 1:
        return sets[0]
    first = sets[0]
    for one in sets[1:]:
        if one.classes != first.classes or one.mel.shape[1:] != first.mel.shape[1:]:
            expected, got = (f"{', '.join(s.classes)} in {s.mel.shape[1]} frames" for s in (first, one))
            raise ConfigError("sets of scenes", expected=expected, got=got)
    events = {name: of for one in sets for name, of in one.events.items()}
    mel, steps = (np.concatenate([getattr(one, name) for one in sets]) for name in ("mel", "steps"))
    common = [name for name in first.embeddings if all(name in one.embeddings for one in sets)]
    heard = {name: np.concatenate([one.embeddings[name] for one in sets]) for name in common}
    return SceneSet(first.classes, mel, steps, events, first.known, heard)


def embedding_input(text: str, scenes: SceneSet) -> EmbeddingInput:
    """`NAME` or `NAME=SIZE`, the size that it is projected to."""
    name, _, size = text.partition("=")
    if name not in scenes.embeddings or not (size or "1").isdecimal():
        have = ", ".join(scenes.embeddings) or "no embedding"
        raise ConfigError("--embedding", expected=f"NAME=SIZE, of what the sets have: {have}", got=text)
    return EmbeddingInput(name=name, n_in=scenes.embeddings[name].shape[2], n_out=int(size or 16))


def load_crnn(checkpoint: Path) -> Crnn:
    """The averaged model of a run's checkpoint.pt, on the CPU, in evaluation mode."""
    saved = torch.load(checkpoint, map_location="cpu", weights_only=True)
    model = Crnn(CrnnConfig.from_dict(saved["task"]))
    model.load_state_dict(saved["weights"])
    return model.eval()


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of one training."""
    add = parser.add_argument
    add("output", type=Path, help="folder of the run: checkpoint.pt and curves.jsonl")
    add("--sets", type=Path, nargs="+", required=True, help="folders of mixed scenes")
    add("--validation", type=Path, required=True, help="one more such folder, of other sources")
    add("--activation", choices=["relu", "glu"], default="relu")
    add("--causal", action="store_true", help="the network that runs live")
    add("--look-ahead", type=int, default=0, metavar="STEPS", help="66 ms each, of the causal network")
    add(
        "--filters",
        type=int,
        nargs=7,
        default=(16, 32, 64, 128, 128, 128, 128),
        metavar="N",
        help="channels of the seven stacks",
    )
    add("--dropout", type=float, default=1 / 3)
    add("--drop-channels", action="store_true", help="drop whole channels at once: half the time on a CPU")
    add("--embedding", action="append", default=[], metavar="NAME=SIZE", help="fuse it, projected to SIZE (default 16)")
    add("--no-spectral", action="store_true", help="embeddings alone")
    add("--labels", choices=LABELS, default="strong")
    add("--labelled", type=float, default=1.0, metavar="SHARE", help="of the scenes that have labels")
    add("--teacher", action="store_true", help="mean teacher; the unlabelled scenes are half of each batch")
    add("--distil", type=Path, metavar="CHECKPOINT", help="learn a finished network's probabilities too")
    add(
        "--start-from",
        type=Path,
        metavar="FILE",
        help="go on from another run's checkpoint or an exported network, causal from both ways too",
    )
    add("--batch", type=int, default=48)
    add("--minutes", type=float, default=10)
    add("--steps", type=int, help="train for this number of steps instead of minutes")
    add("--validate-minutes", type=float, default=5, help="of work between two validations")
    add("--rate", type=float, default=1e-3)
    add("--published-rate", action="store_true", help="the paper's ramp-up and decay, by steps")
    add("--average", type=float, default=0.999, help="of the weights; what is kept, and the mean teacher")
    _add_perturbations(parser)
    add("--seed", type=int, default=0)
    add("--device", default="auto")
    add("--resume", action="store_true")


def _add_perturbations(parser: argparse.ArgumentParser) -> None:
    """Options of `BatchConfig`."""
    add = parser.add_argument
    add("--gain-db", type=float, default=6.0, help="random filtering of the training scenes")
    add("--mask", type=int, default=12, help="widest stripe of mel bands that is blanked")
    add("--shift", type=int, default=0, metavar="BANDS", help="most that a scene's bands are moved")
    add("--stretch", type=float, default=0.0, metavar="SHARE", help="largest change of a scene's speed")
    add("--overlay", type=float, default=0.0, metavar="SHARE", help="of the scenes that another one is laid over")


def from_options(options: argparse.Namespace) -> CrnnJob:
    """The job that the options ask for."""
    o = options
    return CrnnJob(
        sets=tuple(o.sets),
        validation=o.validation,
        output=o.output,
        activation=o.activation,
        causal=o.causal,
        look_ahead=o.look_ahead,
        dropout=o.dropout,
        drop_channels=o.drop_channels,
        filters=tuple(o.filters),
        spectral=not o.no_spectral,
        embeddings=tuple(o.embedding),
        labels=o.labels,
        labelled=o.labelled,
        teacher=o.teacher,
        n_batch=o.batch,
        published_rate=o.published_rate,
        device=o.device,
        resume=o.resume,
        start_from=o.start_from,
        distil=o.distil,
        batch=BatchConfig(
            seed=o.seed, gain_db=o.gain_db, mask=o.mask, shift=o.shift, stretch=o.stretch, overlay=o.overlay
        ),
        loop=LoopConfig(
            minutes=o.minutes,
            steps=o.steps,
            learning_rate=o.rate,
            average=o.average,
            validate_every_s=60 * o.validate_minutes,
        ),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Train by options and print the figures of the last validation."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_options(parser)
    print(json.dumps(train_crnn(from_options(parser.parse_args(arguments)))))


if __name__ == "__main__":
    main()
