"""The shipped weights of the systems and their cards: where they are and what they reached."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import models

__all__ = ["FOLDER", "card_of", "find_weights"]

FOLDER = Path(models.__file__).parent / "weights" / "generators"


def find_weights(name: str) -> Path | None:
    """Return the shipped weights file of that name, if there is one."""
    path = FOLDER / f"{name}.onnx"
    return path if path.exists() else None


def card_of(name: str) -> dict[str, Any]:
    """Return the card of shipped weights; empty where none are shipped."""
    path = FOLDER / f"{name}.toml"
    if not path.exists():
        return {}
    with path.open("rb") as file:
        return tomllib.load(file)
