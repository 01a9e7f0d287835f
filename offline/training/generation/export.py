"""From a run of `train generation` to what plays without torch: weights in half precision, and the card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from engine.core.errors import ModelError
from models.generation.frames import FrameLstm, FrameLstmConfig
from models.generation.graph import export_frames, head_path
from offline.generation.systems import SYSTEMS, System
from offline.generation.weights import save_weights
from offline.music.catalogue import CORPORA
from offline.music.codecs import VoiceGrid
from offline.music.corpora import Corpora
from offline.training.common.card import write_card
from offline.training.common.checkpoint import Checkpoint, read_checkpoint
from offline.training.common.curves import CURVES
from offline.training.generation.config import GenerationExport, GenerationTraining
from offline.training.generation.task import SystemTraining
from offline.training.generation.train import build_training

__all__ = ["export_generation"]

RUN = "a checkpoint of `train generation`"
LICENCE = "MIT"
SIZE_TEXTS = {
    "published": "published sizes",
    "small": "smaller than published, see `network`",
    "tiny": "a toy's sizes, see `network`",
}


def export_generation(config: GenerationExport) -> Path:
    """Write the files and the card of a trained system; return the path of the weights."""
    found = read_checkpoint(config.checkpoint, RUN)
    system = SYSTEMS.get(str(found.task.get("system")))
    if system is None:
        raise ModelError(str(config.checkpoint), expected=RUN, got="a checkpoint of something else")
    training = build_training(_settings(config, found))
    training.model.load_state_dict({name: _single(value) for name, value in found.weights.items()})
    training.model.eval()
    card = _card(system, found, config, training)
    if isinstance(training.model, FrameLstm):
        path, sizes = _write_frames(training.model, card, config.output)
    else:
        path, sizes = _write_arrays(system, training, config.output)
    write_card(path, card | sizes)
    return path


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


def _write_arrays(system: System, training: SystemTraining, folder: Path) -> tuple[Path, dict[str, object]]:
    """Write NAME.npz; return its path and what the card says of its size."""
    state: Mapping[str, Tensor] = training.model.state_dict()
    arrays = {name: value.numpy() for name, value in state.items() if not name.endswith("num_batches_tracked")}
    if training.played:
        arrays = {name: array for name, array in arrays.items() if name.startswith(training.played)}
    arrays = {name.removeprefix("policy."): array for name, array in arrays.items()}
    extras, values = training.extras()
    network = training.played_network()
    path = folder / f"{system.name}.npz"
    save_weights(path, arrays | extras, {"system": system.name, "network": network, **values})
    size = {"parameters": int(sum(array.size for array in arrays.values()))}
    shown = {name: value for name, value in network.items() if value is not None}
    return path, size | {"network": shown, "megabytes": _megabytes(path)}


def _write_frames(net: FrameLstm, card: dict[str, Any], folder: Path) -> tuple[Path, dict[str, object]]:
    """Write Frames.onnx and its head; return the path and what the card says of its size."""
    path = folder / "Frames.onnx"
    export_frames(net, path, low=VoiceGrid().low, licence=card["licence"], training=card["training"])
    size = {"parameters": sum(p.numel() for p in net.parameters())}
    return path, size | {"megabytes": round(_megabytes(path) + _megabytes(head_path(path)), 2)}


def _card(system: System, found: Checkpoint, config: GenerationExport, training: SystemTraining) -> dict[str, Any]:
    """Return the fields of the card, from the record of systems and the run."""
    data = CORPORA[system.corpus].text
    if system.signed and Corpora(config.data).signs_known:
        data += "; " + CORPORA["signed chorales"].text
    size = str(found.task["size"])
    return {
        "licence": LICENCE,
        "data": data,
        "split": CORPORA[system.corpus].split,
        "training": _how(system, found, size),
        "metric": system.metric,
        "figures": _figures(config.checkpoint.parent / CURVES),
        "size": SIZE_TEXTS[size],
        "network": training.played_network(),
        "config": found.config or None,
    }


def _how(system: System, found: Checkpoint, size: str) -> str:
    clock = "CPU minutes" if found.loop.get("cpu_time") else "minutes"
    trained = f"{found.trained_s / 60:.1f} {clock}, {found.step} steps, one thread"
    return f"collaparte train generation --system {system.name} --size {size}; {trained}"


def _figures(curves: Path) -> dict[str, float]:
    """Return the last validation of a run."""
    lines = [json.loads(line) for line in curves.read_text().splitlines() if '"valid"' in line]
    return {name: round(value, 4) for name, value in lines[-1]["valid"].items() if name != "cpu_s"}


def _megabytes(path: Path) -> float:
    return round(path.stat().st_size / 1e6, 2)
