"""Teach a sound event network your own classes, in minutes.

Scenes are mixed of your recordings: sounds of the classes to learn, other sounds, which must not be reported, and
backgrounds. First the last layer learns on the output of the given network, then the whole network does. Sounds of one
source in four of each class are kept to choose the thresholds and to measure the result.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from engine.core.config import resolved
from engine.core.errors import ConfigError
from engine.detection.event_decoder import Decisions
from engine.detection.frame_clock import SOUND_RATE
from models.detection.config import LossConfig
from models.detection.losses import sound_event_loss
from models.detection.network import Crnn
from models.detection.reimport import calibrate, crnn_from_onnx
from offline.datasets.scenes import SceneSet, open_scene_set, render_scene, write_scene_set
from offline.datasets.soundscapes import SceneMixConfig, SceneMixer
from offline.detection.presets import parse_embeddings, sound_model
from offline.evaluation.detection.sound_events_tuning import QuietScenes, decision_metrics, tune_decisions
from offline.synthesis.sound_bank import Audio, SoundBank, SoundFile, list_sounds, load_bank, merge_banks
from offline.training.common.card import write_card
from offline.training.detection.config import DetectionFinetuning, RecurrentFit, SceneAugmentation
from offline.training.detection.data import STRONG, SceneBatches, SceneSource, embedding_input
from offline.training.detection.export import FAST_DECISIONS, WHOLE_DECISIONS, write_crnn
from offline.training.detection.finetune_recurrent import fit_recurrent
from offline.training.detection.init_weights import weights_for
from offline.training.detection.train import DetectionTask, DetectionTrainer, scene_probabilities

__all__ = ["finetune_detection", "fit_head", "split_sources"]

Say = Callable[[str], object]  # tells the user a line
FALSE_ALARMS = 10.0  # per class and hour, that live thresholds may cause among distractors
KEPT = 4  # of so many sources of a class, one is kept
HEAD_STEPS, HEAD_BATCH, HEAD_RATE = 600, 32, 3e-3
HEAD_BIAS = -2.0  # most of the time no class sounds
DROPOUT = 0.1
CALIBRATION_SCENES = 32
EMBEDDING_SIZE = 64
FUSION = RecurrentFit(steps=300, hidden_spectra=0.3)
SUPERVISED = LossConfig(consistency=0.0)
SPLIT = "one source in four kept, the same to choose thresholds and to measure"


def finetune_detection(config: DetectionFinetuning, say: Say = print) -> Path:
    """Write the network and its card, with figures on scenes of the sounds that were kept."""
    torch.manual_seed(config.seed)
    with tempfile.TemporaryDirectory() as folder:
        say("mixing scenes")
        train, kept, quiet = _mix_scenes(config, Path(folder), say)
        model = _pretrained(config, train)
        model = _learn_new_layers(config, model, train, say)
        say(_describe("so far", decision_metrics(kept, scene_probabilities(model, kept))))
        if config.loop.minutes if config.loop.steps is None else config.loop.steps:
            say(f"training the whole network, {config.loop.length}")
            _learn_all(config, model, train, kept, Path(folder) / "run")
        return _export(config, model.eval(), kept, quiet, say)


def _pretrained(config: DetectionFinetuning, train: SceneSet) -> Crnn:
    """Open the network to begin with and give it a new last layer for the classes."""
    start = crnn_from_onnx(sound_model(config.init_weights), dropout=DROPOUT, drop_channels=True)
    model = _with_classes(start, train.classes)
    calibrate(model, torch.from_numpy(np.asarray(train.mel[:CALIBRATION_SCENES], np.float32)))
    return model


def _learn_new_layers(config: DetectionFinetuning, model: Crnn, train: SceneSet, say: Say) -> Crnn:
    """Train the last layer, or, with embeddings to fuse, everything behind the convolutions."""
    if not config.embedding:
        say("training the last layer")
        fit_head(model, train, config.seed)
        return model
    names = list(parse_embeddings(config.embedding))
    say(f"training to use {', '.join(names)} too")
    inputs = tuple(embedding_input(f"{name}={EMBEDDING_SIZE}", train) for name in names)
    fused = Crnn(replace(model.config, embeddings=inputs))
    fused.load_state_dict(weights_for(fused.config, model))
    fit_recurrent(fused.eval(), train, np.arange(len(train)), FUSION, config.seed)
    return fused


def _learn_all(config: DetectionFinetuning, model: Crnn, train: SceneSet, kept: SceneSet, folder: Path) -> None:
    """Train the whole network and load the average of its weights."""
    sources = [SceneSource(train, STRONG, config.batch)]
    batches = SceneBatches(model.config, sources, SceneAugmentation())
    trainer = DetectionTrainer(DetectionTask(model, batches, kept, SUPERVISED), folder, config.loop)
    trainer.run()
    model.load_state_dict(trainer.averaged.module.state_dict())


def _mix_scenes(config: DetectionFinetuning, folder: Path, say: Say) -> tuple[SceneSet, SceneSet, SceneSet]:
    """Mix scenes to learn from, scenes of the sounds that are kept, and scenes in which no class sounds."""
    sounds = list_sounds(config.data)
    classes = _classes(config, sounds)
    chosen = split_sources(sounds, say)
    mix = SceneMixConfig.training(labels=classes)
    nothing = replace(mix, p_empty=1.0, p_distractor=0.7)
    some = max(config.scenes // 4, 8)
    embeddings = parse_embeddings(config.embedding)
    plan = (("train", "train", config.scenes, mix), ("kept", "validation", some, mix))
    for number, (name, which, n, how) in enumerate((*plan, ("quiet", "validation", some, nothing))):
        mixer = SceneMixer(_bank(config, classes, chosen, which), (), how)
        seed = config.seed + number
        scenes = (render_scene(mixer, seed, index, embeddings) for index in range(n))
        write_scene_set(folder / name, mixer, scenes, seed=seed, n_scenes=n)
    return open_scene_set(folder / "train"), open_scene_set(folder / "kept"), open_scene_set(folder / "quiet")


def _classes(config: DetectionFinetuning, sounds: Sequence[SoundFile]) -> tuple[str, ...]:
    """Return the classes to learn; ConfigError if there is no folder of one."""
    labels = sorted({sound.label for sound in sounds})
    classes = config.classes or tuple(label for label in labels if not label.startswith("_"))
    if missing := [label for label in classes if label not in labels]:
        have = ", ".join(labels)
        raise ConfigError("--classes", expected=f"sub-folders of {config.data}: {have}", got=", ".join(missing))
    return classes


def split_sources(sounds: Sequence[SoundFile], say: Say) -> dict[str, str]:
    """Map each source to "train" or "validation", or to "both" where a class has a single source, which is said."""
    sources_of: dict[str, list[str]] = defaultdict(list)
    for sound in sounds:
        if sound.source not in sources_of[sound.label]:
            sources_of[sound.label].append(sound.source)
    chosen: dict[str, str] = {}
    for label, sources in sources_of.items():
        n = max(len(sources) // KEPT, 1)
        for i, source in enumerate(sources):
            chosen.setdefault(source, "validation" if i < n else "train")
        if len(sources) == 1:
            chosen[sources[0]] = "both"
            if not label.startswith("_"):
                say(f"{label}: one recording, so none can be kept to measure on: its figures will be too good")
    return chosen


def _bank(config: DetectionFinetuning, classes: tuple[str, ...], chosen: Mapping[str, str], which: str) -> SoundBank:
    """Load the sounds of one side of the split; sounds of no class are distractors."""
    mine = {source: which if side in (which, "both") else "" for source, side in chosen.items()}
    bank = load_bank(config.data, SOUND_RATE, which, mine)
    parts: dict[str, dict[str, list[Audio]]] = defaultdict(dict)
    for label, sources in bank.parts.items():
        name = label if label in classes or label == "_background" else "_distractor"
        parts[name].update({f"{label}/{source}": audio for source, audio in sources.items()})
    if silent := [label for label in classes if label not in parts]:
        raise ConfigError(
            str(config.data), expected="sounds of every class", got=f"only silence for {', '.join(silent)}"
        )
    own = SoundBank(bank.sample_rate, dict(parts))
    more = [load_bank(folder, SOUND_RATE, which) for folder in config.backgrounds]
    grounds = [SoundBank(b.sample_rate, {k: v for k, v in b.parts.items() if k.startswith("_")}) for b in more]
    return merge_banks([own, *grounds])


def _with_classes(model: Crnn, classes: tuple[str, ...]) -> Crnn:
    """Copy the network with a new last layer."""
    fresh = Crnn(replace(model.config, classes=classes))
    kept = {name: value for name, value in model.state_dict().items() if not name.startswith("head.")}
    fresh.load_state_dict({**fresh.state_dict(), **kept})
    with torch.no_grad():
        fresh.head.bias.fill_(HEAD_BIAS)
    return fresh.eval()


def fit_head(model: Crnn, scenes: SceneSet, seed: int = 0) -> None:
    """Train the last layer on the output of the others, which is computed once."""
    head, model.head = model.head, nn.Identity()  # type: ignore[assignment]
    with torch.inference_mode():
        parts = [torch.from_numpy(np.asarray(scenes.mel[i : i + 16], np.float32)) for i in range(0, len(scenes), 16)]
        outputs = torch.cat([model(part) for part in parts]).clone()
    model.head = head
    labels, known = torch.from_numpy(scenes.steps).float(), torch.full((len(scenes),), STRONG)
    optimiser = torch.optim.Adam(head.parameters(), lr=HEAD_RATE)
    rng = np.random.default_rng(seed)
    for _ in range(HEAD_STEPS):
        rows = torch.from_numpy(rng.choice(len(scenes), min(HEAD_BATCH, len(scenes)), replace=False))
        loss, _ = sound_event_loss(head(outputs[rows]), labels[rows], known[rows], SUPERVISED)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


def _export(config: DetectionFinetuning, model: Crnn, kept: SceneSet, quiet: SceneSet, say: Say) -> Path:
    """Tune decisions, measure them on the kept sounds, and write file and card."""
    steps, nothing = scene_probabilities(model, kept), QuietScenes(scene_probabilities(model, quiet), FALSE_ALARMS)
    live, whole = tune_decisions(kept, steps, FAST_DECISIONS, nothing), tune_decisions(kept, steps, WHOLE_DECISIONS)
    measured = decision_metrics(kept, steps, whole)
    say(_describe("tuned", measured))
    decisions = Decisions(live=live.events, whole=whole.events, tags=whole.tags)
    checks = write_crnn(model, config.output, config.licence, f"own sounds of {config.data}", decisions)
    fields = {
        "data": f"{', '.join(model.config.classes)}: own recordings",
        "licence": config.licence,
        "split": SPLIT,
        "training": f"finetuned from {sound_model(config.init_weights).name}",
        "metrics": {name: round(value, 4) for name, value in measured.items()},
        "checks": checks,
        "config": resolved(config),
    }
    write_card(config.output, fields)
    return config.output


def _describe(when: str, measured: dict[str, float]) -> str:
    clip, segment, event = (100 * measured[name] for name in ("clip_f1", "segment_f1", "event_f1"))
    return f"{when}: clip F1 {clip:.0f} %, segment F1 {segment:.0f} %, event F1 {event:.0f} % on sounds that were kept"
