"""Export a run of `train generation` to the files that play without torch, and their card."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from engine.core.errors import ModelError
from models.generation.frames import FrameLstmConfig
from models.generation.graph import count_values, export_parts, round_to_small
from offline.generation.systems import SYSTEMS, System
from offline.music.catalogue import CORPORA
from offline.music.corpora import Corpora
from offline.training.common.card import write_card
from offline.training.common.checkpoint import Checkpoint, read_checkpoint
from offline.training.common.curves import CURVES
from offline.training.generation.build import build_training
from offline.training.generation.config import GenerationExport, GenerationTraining
from offline.training.generation.markov import OWN_SPLIT
from offline.training.generation.task import SystemTraining

__all__ = ["export_generation"]

RUN = "a checkpoint of `train generation`"
LICENCE = "MIT"


def export_generation(config: GenerationExport) -> Path:
    """Write the files and the card of a trained system; return the path of the weights."""
    found = read_checkpoint(config.checkpoint, RUN)
    system = SYSTEMS.get(str(found.task.get("system")))
    if system is None:
        raise ModelError(str(config.checkpoint), expected=RUN, got="a checkpoint of something else")
    training = build_training(_settings(config, found))
    training.model.load_state_dict({name: _single(value) for name, value in found.weights.items()})
    round_to_small(training.model)
    path = config.output / f"{system.name}.onnx"
    extras, values = training.extras()
    network = training.played_network()
    parts = export_parts(
        training.model.eval().graphs(),
        path,
        {"system": system.name, "network": network, "home": training.home, **values},
        extras,
    )
    sizes = {
        "parameters": sum(count_values(part) for part in parts.values()),
        "megabytes": round(sum(part.stat().st_size for part in parts.values()) / 1e6, 2),
        "parts": {name: _digest(part) for name, part in parts.items() if name} or None,
    }
    write_card(path, _card(system, found, config, training) | sizes)
    return path


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _settings(config: GenerationExport, found: Checkpoint) -> GenerationTraining:
    """Return the settings of the training that made a checkpoint, with the corpora of the export."""
    names = ("system", "size", "batch", "seed", "rolls")
    training = GenerationTraining(
        data=config.data, output=config.checkpoint.parent, **{name: found.task[name] for name in names}
    )
    if found.task["system"] != "Frames":
        return training
    network = FrameLstmConfig(**found.task["network"])
    return replace(
        training,
        hidden=network.hidden,
        width=network.width,
        embed=network.embed,
        dropout=network.dropout,
        blank=network.blank,
    )


def _single(value: Tensor) -> Tensor:
    return value.float() if value.is_floating_point() else value


def _card(system: System, found: Checkpoint, config: GenerationExport, training: SystemTraining) -> dict[str, Any]:
    """Return the fields of the card, from the record of systems and the run."""
    corpora = Corpora(config.data)
    data = corpora.text or CORPORA[system.corpus].text
    if system.signed and corpora.own is None and corpora.signs_known:
        data += "; " + CORPORA["signed chorales"].text
    size = str(found.task["size"])
    return {
        "licence": LICENCE,
        "data": data,
        "split": CORPORA[system.corpus].split if corpora.own is None else OWN_SPLIT,
        "training": _how(system, found, size),
        "metric": system.metric,
        "figures": _figures(config.checkpoint.parent / CURVES),
        "size": training.size_text,
        "network": training.played_network(),
        "config": found.config or None,
    }


def _how(system: System, found: Checkpoint, size: str) -> str:
    rate, batch = found.loop.get("learning_rate"), found.task["batch"]
    settings = f"--size {size} --batch {batch} --learning-rate {rate} --seed {found.task['seed']}"
    return f"collaparte train generation --system {system.name} {settings}: {found.step} steps"


def _figures(curves: Path) -> dict[str, float]:
    """Return the last validation of a run."""
    lines = [json.loads(line) for line in curves.read_text().splitlines() if '"valid"' in line]
    return {name: round(value, 4) for name, value in lines[-1]["valid"].items() if name != "cpu_s"}
