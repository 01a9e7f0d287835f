"""The card of a network, NAME.toml beside NAME.onnx: what people must know, where the file itself tells the engine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from offline.training.common.checkpoint import Checkpoint
from offline.training.common.config import ExportConfig

__all__ = ["card_fields", "write_card"]

TEXTS = ("licence", "data", "split", "training", "metrics")


def card_fields(
    config: ExportConfig, found: Checkpoint, network: Mapping[str, object], checks: Mapping[str, object]
) -> dict[str, object]:
    """Collect what every card says.

    network: settings that rebuild the network
    checks: what was measured while it was exported
    """
    texts = {name: getattr(config, name) for name in TEXTS}
    return {**texts, "network": network, "checks": checks, "config": found.config or None}


def write_card(path: Path, fields: Mapping[str, object]) -> None:
    """Write the card of the network file `path`: the fields and the file's sha256.

    A mapping becomes a table, a mapping in it a table in that; None is left out.
    """
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_suffix(".toml").write_text(_table("", {**fields, "sha256": digest}), encoding="utf-8")


def _table(name: str, values: Mapping[str, object]) -> str:
    """One table as text, those inside it behind it."""
    known = {str(key): value for key, value in values.items() if value is not None}
    flat = [f"{_key(key)} = {_value(value)}" for key, value in known.items() if not isinstance(value, Mapping)]
    inner = [
        "\n" + _table(f"{name}.{_key(key)}".lstrip("."), value)
        for key, value in known.items()
        if isinstance(value, Mapping)
    ]
    head = [f"[{name}]"] if name else []
    return "".join(line + "\n" for line in (*head, *flat)) + "".join(inner)


def _key(name: str) -> str:
    plain = name.replace("_", "").replace("-", "")
    return name if plain.isascii() and plain.isalnum() else json.dumps(name)


def _value(value: object) -> str:
    if isinstance(value, Mapping):  # in a list
        return "{ " + ", ".join(f"{_key(str(key))} = {_value(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False)  # TOML writes texts, numbers and booleans like JSON
