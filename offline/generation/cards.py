"""The shipped weights of the systems and their cards: where they are, what they reached, and how musical they are."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import models

__all__ = ["FLOORS_FILE", "FOLDER", "LEAST_OVERLAP", "card_of", "find_weights", "floor_of"]

FOLDER = Path(models.__file__).parent / "weights" / "generators"
FLOORS_FILE = "floors.npz"  # what the corpora measure, beside the weights
LEAST_OVERLAP = 0.6  # overlap with its corpus from which on a system ships, in every measure
SUFFIXES = (".onnx", ".npz")


def find_weights(name: str) -> Path | None:
    """Return the shipped weights file of that name, if there is one."""
    return next((path for suffix in SUFFIXES if (path := FOLDER / f"{name}{suffix}").exists()), None)


def card_of(name: str) -> dict[str, Any]:
    """Return the card of shipped weights; empty where none are shipped."""
    path = FOLDER / f"{name}.toml"
    if not path.exists():
        return {}
    with path.open("rb") as file:
        return tomllib.load(file)


def floor_of(name: str, weights: str) -> tuple[str, float] | None:
    """Return the measure in which a system is least like its corpus, and the overlap there; None if not measured.

    weights: name of its weights file, which may be another system's
    """
    overlaps: dict[str, float] = card_of(weights).get("floors", {}).get(name, {})
    return min(overlaps.items(), key=lambda pair: pair[1]) if overlaps else None
