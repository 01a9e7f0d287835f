"""Tell which kind of sound event network a file is: ours, or another's that takes windows of sound.

A file of another's that has no metadata of ours is described in NAME.toml beside NAME.onnx.
"""

from __future__ import annotations

import csv
import tomllib
from pathlib import Path
from typing import Any

from engine.core.config import from_mapping
from engine.core.errors import ConfigError, ModelError
from engine.detection.event_decoder import DecisionConfig, Decisions
from engine.detection.front_end import WindowFrontEnd
from engine.inference.network_file import NetworkFile, read_metadata

__all__ = ["CRNN", "WINDOW_NETWORK", "class_names", "decisions_of", "front_end_of", "sound_network_file"]

CRNN, WINDOW_NETWORK = "crnn", "sound-windows"  # kinds of files
SCORES = ("probability", "logit")
USUAL = DecisionConfig(threshold=0.5, median=1, alignment="causal", release=0.6, hold=2)  # where the file says nothing
REMEDY = "write front_end, classes and scores into it, as docs/formats.md says"


def sound_network_file(model: Path) -> NetworkFile:
    """Read the metadata of a sound event network; ModelError if it is none."""
    values = read_metadata(model)
    if not values and model.with_suffix(".toml").is_file():
        values = {"kind": WINDOW_NETWORK, **_card(model.with_suffix(".toml"))}
    kind = values.get("kind")
    return NetworkFile(model, kind if kind == WINDOW_NETWORK else CRNN, values)


def _card(path: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(str(path), expected="a card in TOML", got=str(error)[:120], remedy=REMEDY) from error
    if isinstance(file := values.get("classes"), str):
        values["classes"] = _listed(path.with_name(file))
    return values


def _listed(path: Path) -> list[str]:
    """Read class names from the last column of a CSV, without its heading, as AudioSet's lists are written."""
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            rows = [row for row in csv.reader(lines) if row]
    except (OSError, ValueError) as error:
        raise ConfigError(str(path), expected="a list of classes", got=str(error)[:120]) from error
    return [row[-1] for row in (rows[1:] if rows and not rows[0][0].isdecimal() and len(rows[0]) > 1 else rows)]


def front_end_of(file: NetworkFile) -> WindowFrontEnd:
    """Return what the network takes; ModelError if that is missing or invalid."""
    if file.metadata.get("scores", SCORES[0]) not in SCORES:
        raise ModelError(file.path, expected=f"scores {' or '.join(SCORES)}", got=str(file.metadata["scores"])[:60])
    try:
        return from_mapping(WindowFrontEnd, file.value("front_end", dict))
    except (ConfigError, TypeError) as error:
        raise ModelError(file.path, expected="front_end of the network", got=str(error)[:160], remedy=REMEDY) from error


def class_names(file: NetworkFile) -> tuple[str, ...]:
    """Return the classes; ModelError unless they are different names."""
    names = file.value("classes", list)
    if not names or not all(isinstance(name, str) and name for name in names) or len(set(names)) < len(names):
        raise ModelError(file.path, expected="a list of different class names", got=repr(names)[:60])
    return tuple(names)


def decisions_of(network: NetworkFile) -> Decisions:
    """Return the decisions tuned for the network; ModelError if they are missing from its file or invalid."""
    if network.kind == WINDOW_NETWORK and "decisions" not in network.metadata:
        return Decisions(live=USUAL, whole=USUAL)
    try:
        return Decisions.from_dict(network.value("decisions", dict))
    except ConfigError as error:
        raise ModelError(network.path, expected=f"{error.where}: {error.expected}", got=error.got) from error
