"""From a generator's checkpoint to what plays without torch: weights in half precision, and the card.

    python -m offline.training.generation.export --data DIR --runs RUNS [--only NAME ...]

RUNS holds a folder a system, as `offline.training.generation.all_systems` writes them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.core.errors import ModelError
from models.generation.export import export_frames, head_path
from models.generation.frames import FrameLstm, FrameLstmConfig
from offline.generation.systems import find
from offline.generation.weights import FOLDER, save_weights
from offline.music.codecs import VoiceGrid
from offline.music.corpora import Corpora
from offline.music.piece import REST
from offline.training.common.card import write_card
from offline.training.common.checkpoint import CHECKPOINT
from offline.training.common.curves import CURVES
from offline.training.generation.task import TaskSettings
from offline.training.generation.train import TASKS

__all__ = ["main", "ship", "ship_frames"]

N_SOPRANOS, N_TEMPLATES, N_CODES, STEPS = 24, 6, 400, 64
DATA = {
    "chorales": "four-part chorales by J. S. Bach at sixteenths (Jsb16thSeparated.json); the music is public domain",
    "JSB_Chorales": "Bach's chorales at quarters as Boulanger-Lewandowski et al. (2012) split them; public domain",
    "tunes": "tunes of O'Neill's and Ryan's collections from music21's corpus; the music is public domain",
    "blues": "twelve-bar blues made by rule (offline.music.corpora)",
    "grooves": "drum patterns made by rule (offline.music.corpora)",
    "sound": "Bach's chorales (public domain) played by a plain organ that is rendered here",
}
SPLITS = {
    "chorales": "229 chorales train, 76 validate, 77 test, as published",
    "JSB_Chorales": "as published; the metric is of the validation split",
    "tunes": "every tenth tune validates, every tenth tests",
    "blues": "none: validation draws other choruses",
    "grooves": "none: validation draws other grooves",
    "sound": "60 chorales at most of each published split",
}
SIGNED = ("BachBot", "DeepBach")  # that read ties and fermatas
WITH_SIGNS = "; scores with ties and fermatas from music21's corpus, in that split (offline.music.chorale_split)"
Extra = tuple[dict[str, np.ndarray], dict[str, Any]]


def _nothing(task: Any) -> Extra:
    return {}, {}


def _sopranos(task: Any) -> Extra:
    """Beginnings of validation sopranos, for when no melody is given."""
    pieces = [p[:STEPS, 0] for p in task.corpora.chorales()["valid"] if len(p) >= STEPS]
    lines = [line for line in pieces if (line != REST).all()][:N_SOPRANOS]
    return {"sopranos": np.stack(lines).astype(np.int64)}, {}


def _range(task: Any) -> Extra:
    return {}, {"low": task.codec.low, "high": task.codec.high}


def _deep_hear(task: Any) -> Extra:
    """Sopranos, and how many notes sound at once in the corpus."""
    density = float(np.mean([roll.sum(axis=1).mean() for roll in task.split["train"]]))
    return _sopranos(task)[0], {**_range(task)[1], "density": density}


def _deep_bach(task: Any) -> Extra:
    """How often each voice has each token."""
    tokens = np.concatenate([p[:, :4] for p in task.split["train"]])
    return {"rates": np.stack([np.bincount(v, minlength=task.codec.n_tokens) for v in tokens.T])}, {}


def _tunes(task: Any) -> Extra:
    return {}, {"vocabulary": list(task.codec.vocabulary)}


def _templates(task: Any) -> Extra:
    pieces = [p[: task.length].T for p in task.split["valid"] if len(p) >= task.length][:N_TEMPLATES]
    return {"templates": np.stack(pieces)}, {"low": task.low}


def _chords(task: Any) -> Extra:
    rows = max(task.split["valid"], key=len)
    return {"first": rows[0, :16].astype(np.int64), "chords": rows[:, 32].astype(np.int64)}, {}


def _library(task: Any) -> Extra:
    units = np.concatenate(task.split["train"][5::12])  # one key is library enough
    return {"library": units}, {"n_layers": len(task.model.auto.down)}


def _codes(task: Any) -> Extra:
    rng = np.random.default_rng(0)
    frames = np.concatenate(task.split["valid"])
    frames = frames[rng.choice(len(frames), min(N_CODES, len(frames)), replace=False)]
    with torch.no_grad():
        codes = task.model.eval().encode(torch.from_numpy(frames)).numpy()
    return {"codes": codes}, {"rate": task.rate, "n_fft": task.codec.n_fft}


EXTRAS: dict[str, Callable[[Any], Extra]] = {
    "Celtic": _tunes,
    "C-RBM": _templates,
    "deepAC": _codes,
    "DeepBach": _deep_bach,
    "DeepHear_M": _deep_hear,
    "MidiNet": _chords,
    "MiniBach": _sopranos,
    "UnitSelection": _library,
    "VRAE": _range,
    "WaveNet": lambda task: ({}, {"rate": task.rate}),
}
ONLY = {"RL-Tuner": "policy.", "C-RNN-GAN": ("cells.", "out."), "VRAE": ("decoder.", "from_code.", "out.")}
ONLY |= {"VRASH": ONLY["VRAE"], "DeepHear_M": "up.", "deepAC": "up."}
PUBLISHED = {
    "published": "published sizes",
    "small": "smaller than published, see `network`",
    "tiny": "a toy's sizes, see `network`",
}


def ship(name: str, run: Path, corpora: Corpora, folder: Path = FOLDER) -> dict[str, Any]:
    """Write NAME.npz and NAME.toml of a run; returns the card."""
    saved = _load(run)
    settings = {k: saved["task"][k] for k in ("size", "batch", "seed")}
    task: Any = TASKS[name](corpora, TaskSettings(**settings))
    task.model.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in saved["weights"].items()})
    arrays = {k: v.numpy() for k, v in task.model.state_dict().items() if not k.endswith("num_batches_tracked")}
    if name in ONLY:
        arrays = {k.removeprefix("policy."): v for k, v in arrays.items() if k.startswith(ONLY[name])}
    more, meta = EXTRAS.get(name, _nothing)(task)
    config = saved["task"]["network"] or _policy(task)
    path = folder / f"{name}.npz"
    save_weights(path, arrays | more, {"system": name, "network": config, **meta})
    card = _card(name, saved, run, int(sum(v.size for v in arrays.values())))
    if name in SIGNED and corpora.signs_known:
        card["data"] += WITH_SIGNS
    card |= {"network": {k: v for k, v in config.items() if v is not None}, "megabytes": _megabytes(path)}
    write_card(path, card)
    return card


def _policy(task: Any) -> dict[str, Any]:
    """The settings of a network of networks: those of the one that plays."""
    return {"n_tokens": [task.codec.n_tokens], "n_layers": 1, "units": type(task.model).__name__}


def ship_frames(run: Path, folder: Path = FOLDER) -> dict[str, Any]:
    """Write Frames.onnx, its head and its card."""
    saved = _load(run)
    config = FrameLstmConfig(**saved["task"])
    net = FrameLstm(config)
    net.load_state_dict(saved["weights"])
    path = folder / "Frames.onnx"
    card = _card("Frames", saved, run, sum(p.numel() for p in net.parameters()))
    export_frames(net.eval(), path, low=VoiceGrid().low, licence=card["licence"], training=card["training"])
    write_card(path, card | {"network": saved["task"], "megabytes": _megabytes(path) + _megabytes(head_path(path))})
    return card


def _load(run: Path) -> dict[str, Any]:
    path = run / CHECKPOINT
    try:
        found: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises what its unpickler raises
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise ModelError(str(path), expected="a checkpoint of `train generator`", got=reason) from error
    return found


def _card(name: str, saved: dict[str, Any], run: Path, n_parameters: int) -> dict[str, Any]:
    system, loop = find(name), saved["loop"]
    lines = [json.loads(line) for line in (run / CURVES).read_text().splitlines() if '"valid"' in line]
    figures = {k: round(v, 4) for k, v in lines[-1]["valid"].items() if k != "cpu_s"}
    clock = "CPU minutes" if loop.get("cpu_time") else "minutes"
    size = saved["task"].get("size", "small")
    return {
        "licence": "MIT",
        "data": DATA[system.corpus],
        "split": SPLITS[system.corpus],
        "training": f"collaparte train generator --system {name} --size {size}; {saved['trained_s'] / 60:.1f} {clock}, "
        f"{saved['step']} steps, one thread",
        "metric": system.metric,
        "figures": figures,
        "size": PUBLISHED[size] if name != "Frames" else "our own",
        "parameters": n_parameters,
    }


def _megabytes(path: Path) -> float:
    return round(path.stat().st_size / 1e6, 2)


def main(arguments: Sequence[str] | None = None) -> int:
    """Ship every run that is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of symbolic corpora")
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=[])
    args = parser.parse_args(arguments)
    corpora = Corpora(args.data)
    for name in args.only or [n for n in (*TASKS, "Frames") if (args.runs / n / CHECKPOINT).exists()]:
        card = ship_frames(args.runs / name) if name == "Frames" else ship(name, args.runs / name, corpora)
        print(f"{name:14} {card['figures']} {card['parameters']:,} parameters")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
