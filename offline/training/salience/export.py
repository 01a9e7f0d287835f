"""From a checkpoint of `train salience` to a file that runs live: export, check, measure, write the card."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from engine.core.errors import ModelError
from models.export import check_graph
from models.salience.graph import export_salience
from models.salience.network import Salience, SalienceConfig
from offline.training.common.card import write_card
from offline.training.salience.metrics import baseline, figures, stacked_set
from offline.training.salience.targets import open_set

__all__ = ["add_options", "load_salience", "main", "ship"]

BLOCKS = (1, 2, 7)  # frames a call
EXPORTED = 1e-4  # largest error of the file against torch, of the salience's standard deviation
CHECKED = 400  # frames of a real recording that it is compared on


def load_salience(checkpoint: Path) -> tuple[Salience, dict[str, Any]]:
    """The network with the running average of its weights, and the whole checkpoint; ModelError if it is none."""
    try:
        saved = torch.load(checkpoint, map_location="cpu", weights_only=True)
        model = Salience(SalienceConfig.from_dict(saved["task"]))
        model.load_state_dict(saved["weights"])
    except Exception as error:  # torch raises what its unpickler raises
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise ModelError(str(checkpoint), expected="a checkpoint of `train salience`", got=reason) from error
    return model.eval(), saved


def ship(checkpoint: Path, target: Path, validation: Path, fields: Mapping[str, str]) -> dict[str, Any]:
    """Write NAME.onnx and NAME.toml to `target`; returns the figures of the validation set, and of no network at all.

    fields: licence, data, split, training; ModelError if the file does not give what the network gives.
    """
    model, saved = load_salience(checkpoint)
    recordings = open_set(validation)
    graph = export_salience(model, target, recordings.config, texts=fields)
    stream = stacked_set(recordings, 0)[:CHECKED]
    worst = max(check_graph(graph, target, stream, block=block, kind="salience") for block in BLOCKS)
    if worst > EXPORTED:
        raise ModelError(str(target), expected=f"an error up to {EXPORTED}", got=f"{worst:.2g}")
    measured = {
        "network": _rounded(figures(model, recordings)),
        "constant_q_itself": _rounded(baseline(recordings)),
        "error_of_the_file": float(f"{worst:.2g}"),
        "steps": saved["step"],
        "trained_minutes": round(saved["trained_s"] / 60, 1),
        "parameters": sum(p.numel() for p in model.parameters()),
    }
    write_card(target, {**fields, "network": model.config.as_dict(), "metrics": measured})
    return measured


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in values.items()}


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of one release."""
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("target", type=Path, help="NAME.onnx to write; NAME.toml goes beside it")
    parser.add_argument("--validation", type=Path, required=True, help="set of recordings that the figures are of")
    parser.add_argument("--licence", required=True, help="of the weights")
    parser.add_argument("--data", required=True, help="what they were trained on, and its licence")
    parser.add_argument("--split", required=True, help="what was held out")
    parser.add_argument("--training", required=True, help="the command that trained them")


def main(arguments: Sequence[str] | None = None) -> None:
    """`python -m offline.training.salience.export`."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_options(parser)
    args = parser.parse_args(arguments)
    fields = {name: getattr(args, name) for name in ("licence", "data", "split", "training")}
    print(json.dumps(ship(args.checkpoint, args.target, args.validation, fields), indent=1))


if __name__ == "__main__":
    main()
