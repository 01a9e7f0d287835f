"""Cards: TOML whatever they say, with the settings of the training."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import Any

from offline.training.common.card import card_fields, write_card
from offline.training.common.checkpoint import Checkpoint
from offline.training.common.config import ExportConfig


def card_of(folder: Path, fields: dict[str, object]) -> dict[str, Any]:
    (folder / "a.onnx").write_bytes(b"x")
    write_card(folder / "a.onnx", fields)
    return tomllib.loads((folder / "a.toml").read_text())


def test_cards_are_toml_whatever_they_say(tmp_path: Path) -> None:
    inner = {"c": "d", "e": {"f": [1, {"g h": 2}]}, "empty": {}}
    fields = {"table": {"a b": inner}, "text": 'quotes " and \\ and\nlines', "list": [1, 2.5, True], "ä": 1e-9}
    card = card_of(tmp_path, {**fields, "nothing": None})
    assert card == {**fields, "sha256": hashlib.sha256(b"x").hexdigest()}


def test_the_settings_of_the_training_stand_on_the_card(tmp_path: Path) -> None:
    config = ExportConfig(
        checkpoint=tmp_path / "c.pt", output=tmp_path / "a.onnx", licence="MIT", data="tones", metrics="1 dB"
    )
    found = Checkpoint(
        path=config.checkpoint, task={}, weights={}, config={"seed": 3, "init_weights": None, "loop": {"minutes": 2.0}}
    )
    card = card_of(tmp_path, card_fields(config, found, {"hidden": 8}, {"error": 0.0}))
    assert card["config"] == {"seed": 3, "loop": {"minutes": 2.0}}
    assert (card["licence"], card["network"], card["checks"]) == ("MIT", {"hidden": 8}, {"error": 0.0})
