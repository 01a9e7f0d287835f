"""From a checkpoint of the live twin to a file that runs live: export, check block by block, write the card."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from engine.core.errors import ModelError
from models.export import check_graph
from models.similarity.live_network import LiveSiamese, LiveSiameseConfig, export_siamese
from offline.training.common.card import write_card

__all__ = ["add_options", "load_live", "main", "ship"]

BLOCKS = (1, 2, 7)  # frames a call
EXPORTED = 1e-4  # largest error of the file against torch, of the embeddings' standard deviation


def load_live(checkpoint: Path) -> tuple[LiveSiamese, dict[str, Any]]:
    """The network with the running average of its weights, and the whole checkpoint; ModelError if it is none."""
    try:
        saved = torch.load(checkpoint, map_location="cpu", weights_only=True)
        model = LiveSiamese(LiveSiameseConfig(**saved["task"]["config"]))
        model.load_state_dict(saved["weights"])
    except Exception as error:  # torch raises what its unpickler raises
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise ModelError(str(checkpoint), expected="a live checkpoint of `train siamese`", got=reason) from error
    return model.eval(), saved


def ship(checkpoint: Path, target: Path, fields: dict[str, object]) -> dict[str, float]:
    """Write NAME.onnx and NAME.toml to `target`; returns the errors and sizes that were found."""
    model, saved = load_live(checkpoint)
    graph = export_siamese(model, target, licence=str(fields["licence"]), training=str(fields["training"]))
    stream = 2 * torch.rand(80, model.config.n_features, generator=torch.Generator().manual_seed(0))
    worst = max(check_graph(graph, target, stream, block=block, kind="siamese") for block in BLOCKS)
    if worst > EXPORTED:
        target.unlink()
        raise ModelError(str(target), expected=f"an error up to {EXPORTED}", got=f"{worst:.2g}")
    found = {
        "error": worst,
        "steps": saved["step"],
        "trained_minutes": round(saved["trained_s"] / 60, 1),
        "megabytes": round(target.stat().st_size / 1e6, 2),
    }
    write_card(target, {**fields, "network": model.config.as_dict(), "checks": found})
    return found


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of shipping."""
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("target", type=Path, help="NAME.onnx to write; NAME.toml goes beside it")
    parser.add_argument("--licence", required=True, help="of the weights")
    parser.add_argument("--data", required=True, help="what they were trained on, and its licence")
    parser.add_argument("--split", required=True, help="what was held out")
    parser.add_argument("--training", required=True, help="the command that trained them")
    parser.add_argument("--metrics", required=True, help="what they reach on what was held out, beside other features")


def main(arguments: Sequence[str] | None = None) -> None:
    """`python -m offline.training.similarity.export`."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_options(parser)
    args = parser.parse_args(arguments)
    fields = {name: getattr(args, name) for name in ("licence", "data", "split", "training", "metrics")}
    for name, value in ship(args.checkpoint, args.target, fields).items():
        print(f"{name}: {value:.4g}")


if __name__ == "__main__":
    main()
