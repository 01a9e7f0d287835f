"""Teach a sound event network your own classes, in minutes: `collaparte train crnn OUT.onnx --data FOLDER`.

FOLDER has one sub-folder a class with recordings of it; the others in it, and `_distractor`, are what must not be
reported, and `_background` lies beneath. Scenes are mixed of them; the last layer is learnt on what the given
network hears in them, then the whole network is. Sounds of one class in every four are kept apart to choose the
thresholds, and to say how good it became.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from engine.core.config import require
from engine.core.errors import ConfigError
from engine.detection.embedding import EmbeddingConfig
from engine.detection.event_decoder import Decisions
from engine.detection.frame_clock import SOUND_RATE
from models.detection.graph import export_crnn
from models.detection.losses import LossConfig, sound_event_loss
from models.detection.network import Crnn
from models.detection.reimport import calibrate, crnn_from_file
from offline.datasets.scenes import SceneSet, open_scene_set, write_scene_set
from offline.datasets.soundscapes import SceneMixConfig, SceneMixer
from offline.detection.presets import parse_embeddings, sound_model
from offline.evaluation.sound_events_tuning import Quiet, decision_metrics, tune
from offline.synthesis.sound_bank import SoundBank, SoundFile, list_sounds, load_bank, merge_banks
from offline.training.common.card import write_card
from offline.training.common.config import LoopConfig
from offline.training.detection.augment import BatchConfig
from offline.training.detection.export import LIVE, WHOLE
from offline.training.detection.finetune_recurrent import RecurrentFit, fit_recurrent
from offline.training.detection.init_weights import weights_for
from offline.training.detection.task import STRONG, CrnnTask, CrnnTrainer, Source, probabilities
from offline.training.detection.train import embedding_input

__all__ = ["OwnSounds", "apart", "fit_head", "main", "train_own"]

EPILOG = """\
examples:
  collaparte train crnn mine.onnx --data my_sounds/ --classes doorbell kettle
  collaparte run --input mic --detect mine.onnx --top 3
  collaparte train crnn mine.onnx --data my_sounds/ --embedding yamnet=yamnet.onnx

A network from the beginning, on sets of mixed scenes or of recordings in DESED's layout: give --sets instead of
--data (`python -m offline.training.detection.train --help` lists its options, `offline.datasets.make_scenes` and
`offline.datasets.make_desed` make the sets).
"""
Say = Callable[[str], object]  # tells the user a line
INVENTIONS = 10.0  # events an hour of a class that live thresholds may invent among distractors
KEPT_APART = 4  # one source of so many
LICENCE = "as its recordings and the network it started from"
HEAD_STEPS, HEAD_BATCH, HEAD_RATE = 600, 32, 3e-3
EMBEDDING_SIZE = 64
FUSION = RecurrentFit(steps=300, hidden=0.3)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSounds:
    """data: the folder; output: NAME.onnx; classes: sub-folders to learn, all if empty; start: the network to start
    from; minutes: for the whole network, 0 for its last layer alone; steps: instead of minutes; scenes: to mix, 8 to
    100,000; backgrounds: further folders with `_background`; embeddings: by name, what the network is to hear besides,
    its recurrent layers learnt anew; licence: of the new weights, for the card.
    """

    data: Path
    output: Path
    start: Path
    classes: tuple[str, ...] = ()
    minutes: float = 5.0
    steps: int | None = None
    scenes: int = 400
    backgrounds: tuple[Path, ...] = ()
    embeddings: Mapping[str, EmbeddingConfig] = field(default_factory=dict)
    batch: int = 12
    rate: float = 5e-4
    seed: int = 0
    licence: str = LICENCE

    def __post_init__(self) -> None:
        require("scenes", self.scenes, 8, 100_000)
        require("batch", self.batch, 2, 4096)
        _ = self.loop

    @property
    def loop(self) -> LoopConfig:
        """How the whole network is trained."""
        return LoopConfig(
            minutes=self.minutes,
            steps=self.steps,
            learning_rate=self.rate,
            average=0.99,
            validate_every_s=1e9,
            save_every_s=1e9,
        )


def train_own(job: OwnSounds, say: Say = print) -> dict[str, float]:
    """Write the network and its card; the figures on scenes of the sounds that were kept apart."""
    torch.manual_seed(job.seed)
    with tempfile.TemporaryDirectory() as folder:
        say("mixing scenes")
        train, kept, quiet = _scenes(job, Path(folder), say)
        model = _with_classes(crnn_from_file(job.start, dropout=0.1, drop_channels=True), train.classes)
        calibrate(model, torch.from_numpy(np.asarray(train.mel[:32], np.float32)))
        model = _first(job, model, train, say)
        say(_said("so far", decision_metrics(kept, probabilities(model, kept))))
        if job.minutes if job.steps is None else job.steps:
            say(f"learning the whole network, {job.loop.length}")
            task = CrnnTask(model, [Source(train, STRONG, job.batch)], kept, LossConfig(consistency=0), BatchConfig())
            trainer = CrnnTrainer(task, Path(folder) / "run", job.loop)
            trainer.run()
            model.load_state_dict(trainer.averaged.module.state_dict())
        return _release(job, model.eval(), kept, quiet, say)


def _first(job: OwnSounds, model: Crnn, train: SceneSet, say: Say) -> Crnn:
    """Learn what is new: the last layer, or, where embeddings are heard besides, all behind the convolutions."""
    if not job.embeddings:
        say("learning the last layer")
        fit_head(model, train, job.seed)
        return model
    say(f"learning to hear {', '.join(job.embeddings)} besides")
    inputs = tuple(embedding_input(f"{name}={EMBEDDING_SIZE}", train) for name in job.embeddings)
    fused = Crnn(replace(model.config, embeddings=inputs))
    fused.load_state_dict(weights_for(fused.config, model))
    fit_recurrent(fused.eval(), train, np.arange(len(train)), replace(FUSION, seed=job.seed))
    return fused


def _scenes(job: OwnSounds, folder: Path, say: Say) -> tuple[SceneSet, SceneSet, SceneSet]:
    """Scenes to learn from, scenes of the sounds that are kept apart, and scenes in which no class sounds."""
    sounds = list_sounds(job.data)
    classes = job.classes or tuple(sorted({s.label for s in sounds if not s.label.startswith("_")}))
    if missing := [label for label in classes if label not in {s.label for s in sounds}]:
        have = ", ".join(sorted({s.label for s in sounds}))
        raise ConfigError("--classes", expected=f"sub-folders of {job.data}: {have}", got=", ".join(missing))
    chosen = apart(sounds, say)
    mix = SceneMixConfig.training(labels=classes)
    nothing = replace(mix, p_empty=1.0, p_distractor=0.7)
    some = max(job.scenes // 4, 8)
    for number, (name, which, n, how) in enumerate(
        (("train", "train", job.scenes, mix), ("kept", "validation", some, mix), ("quiet", "validation", some, nothing))
    ):
        mixer = SceneMixer(_bank(job, classes, chosen, which), (), how)
        write_scene_set(folder / name, mixer, n, job.seed + number, embeddings=job.embeddings)
    return open_scene_set(folder / "train"), open_scene_set(folder / "kept"), open_scene_set(folder / "quiet")


def apart(sounds: Sequence[SoundFile], say: Say) -> dict[str, str]:
    """Source to "train", "validation", or "both" where a class has but one, which is said."""
    of: dict[str, list[str]] = defaultdict(list)
    for sound in sounds:
        if sound.source not in of[sound.label]:
            of[sound.label].append(sound.source)
    chosen: dict[str, str] = {}
    for label, sources in of.items():
        n = max(len(sources) // KEPT_APART, 1)
        for i, source in enumerate(sources):
            chosen.setdefault(source, "validation" if i < n else "train")
        if len(sources) == 1:
            chosen[sources[0]] = "both"
            if not label.startswith("_"):
                say(f"{label}: one recording, so nothing of it can be kept apart: its figures will flatter")
    return chosen


def _bank(job: OwnSounds, classes: tuple[str, ...], chosen: dict[str, str], which: str) -> SoundBank:
    """The sounds of one side; what is no class of them is a distractor."""
    mine = {source: which if side in (which, "both") else "" for source, side in chosen.items()}
    bank = load_bank(job.data, SOUND_RATE, which, mine)
    parts: dict[str, dict[str, list[np.ndarray]]] = defaultdict(dict)
    for label, of in bank.parts.items():
        name = label if label in classes or label == "_background" else "_distractor"
        parts[name].update({f"{label}/{source}": audio for source, audio in of.items()})
    if silent := [label for label in classes if label not in parts]:
        raise ConfigError(str(job.data), expected="sounds of every class", got=f"only silence for {', '.join(silent)}")
    own = SoundBank(bank.sample_rate, dict(parts))
    more = [load_bank(folder, SOUND_RATE, which) for folder in job.backgrounds]
    grounds = [SoundBank(b.sample_rate, {k: v for k, v in b.parts.items() if k.startswith("_")}) for b in more]
    return merge_banks([own, *grounds])


def _with_classes(model: Crnn, classes: tuple[str, ...]) -> Crnn:
    """The same network with a new last layer."""
    fresh = Crnn(replace(model.config, classes=classes))
    kept = {name: value for name, value in model.state_dict().items() if not name.startswith("head.")}
    fresh.load_state_dict({**fresh.state_dict(), **kept})
    with torch.no_grad():
        fresh.head.bias.fill_(-2.0)  # most of the time, nothing sounds
    return fresh.eval()


def fit_head(model: Crnn, scenes: SceneSet, seed: int = 0) -> None:
    """Learn the last layer on what the rest hears, which is computed once."""
    head, model.head = model.head, nn.Identity()  # type: ignore[assignment]
    with torch.inference_mode():
        parts = [torch.from_numpy(np.asarray(scenes.mel[i : i + 16], np.float32)) for i in range(0, len(scenes), 16)]
        heard = torch.cat([model(part) for part in parts]).clone()
    model.head = head
    labels, known = torch.from_numpy(scenes.steps).float(), torch.full((len(scenes),), STRONG)
    optimiser = torch.optim.Adam(head.parameters(), lr=HEAD_RATE)
    rng = np.random.default_rng(seed)
    for _ in range(HEAD_STEPS):
        rows = torch.from_numpy(rng.choice(len(scenes), min(HEAD_BATCH, len(scenes)), replace=False))
        loss, _ = sound_event_loss(head(heard[rows]), labels[rows], known[rows], LossConfig(consistency=0))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


def _release(job: OwnSounds, model: Crnn, kept: SceneSet, quiet: SceneSet, say: Say) -> dict[str, float]:
    steps, nothing = probabilities(model, kept), Quiet(probabilities(model, quiet), INVENTIONS)
    live, whole = tune(kept, steps, LIVE, nothing), tune(kept, steps, WHOLE)
    measured = decision_metrics(kept, steps, whole)
    say(_said("tuned", measured))
    decisions = Decisions(live=live.events, whole=whole.events, tags=whole.tags)
    export_crnn(model, job.output, licence=job.licence, training=f"own sounds of {job.data}", decisions=decisions)
    length = f"--minutes {job.minutes:g}" if job.steps is None else f"--steps {job.steps}"
    besides = "".join(f" --embedding {name}=FILE" for name in job.embeddings)
    card = {
        "data": f"{', '.join(model.config.classes)}: own recordings, from {job.start.name} on",
        "licence": job.licence,
        "split": "one source in four kept apart, the same to choose thresholds and to measure",
        "command": f"collaparte train crnn --data FOLDER {length} --scenes {job.scenes}{besides}",
        "metrics": {name: round(value, 4) for name, value in measured.items()},
    }
    write_card(job.output, card)
    return measured


def _said(what: str, measured: dict[str, float]) -> str:
    clip, segment, event = (100 * measured[name] for name in ("clip_f1", "segment_f1", "event_f1"))
    return f"{what}: clip F1 {clip:.0f} %, segment F1 {segment:.0f} %, event F1 {event:.0f} % on sounds kept apart"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of one training."""
    add = parser.add_argument
    add("output", type=Path, metavar="OUT.onnx", help="the network, for `tag` and `run --detect`")
    add("--data", type=Path, required=True, metavar="FOLDER", help="one sub-folder of recordings a class")
    add("--classes", nargs="+", default=[], metavar="NAME", help="sub-folders to learn; the others are distractors")
    add("--background", type=Path, nargs="+", default=[], metavar="FOLDER", help="folders with `_background` in them")
    add("--embedding", action="append", default=[], metavar="NAME=FILE",
        help="an ONNX file that the network is to hear besides, as of `collaparte import-weights`")  # fmt: skip
    add("--start", type=Path, metavar="FILE", help="the network to start from (default the one that ships)")
    add("--minutes", type=float, default=5.0, help="for the whole network; 0 learns its last layer only (default 5)")
    add("--steps", type=int, help="train the whole network for this number of steps instead of minutes")
    add("--scenes", type=int, default=400, help="to mix (default 400)")
    add("--rate", type=float, default=5e-4, help="learning rate of the whole network")
    add("--licence", default=LICENCE, help="of the new weights, for their card")
    add("--seed", type=int, default=0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train by options."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, epilog=EPILOG, formatter_class=plain)
    add_options(parser)
    o = parser.parse_args(arguments)
    job = OwnSounds(
        data=o.data,
        output=o.output,
        start=sound_model(o.start),
        classes=tuple(o.classes),
        minutes=o.minutes,
        steps=o.steps,
        scenes=o.scenes,
        backgrounds=tuple(o.background),
        embeddings=parse_embeddings(o.embedding),
        rate=o.rate,
        seed=o.seed,
        licence=o.licence,
    )
    train_own(job)
    heard = "".join(f" --embedding {text}" for text in o.embedding)
    print(f"{job.output}: collaparte run --input mic --detect {job.output}{heard}")
    return 0
