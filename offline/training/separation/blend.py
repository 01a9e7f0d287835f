"""Blend several exported networks that separate into one file, with its card."""

from __future__ import annotations

import tomllib
from pathlib import Path

from engine.core.config import require
from models.separation.blend import blend_networks, separator_metadata
from offline.training.common.card import write_card
from offline.training.separation.config import BlendConfig

__all__ = ["blend_separators"]

KEPT = ("licence", "data", "training", "metrics", "network", "checks", "config", "sha256")  # of a part's card


def blend_separators(config: BlendConfig) -> Path:
    """Write the blend and its card, which repeats the cards of its parts."""
    level = separator_metadata(config.files[0]).get("level", 0) if config.level is None else config.level
    require("level", level, 0, 1)
    shares = config.shares or (1.0,) * len(config.files)
    pairs = list(zip(config.files, shares, strict=True))
    parts = {f"part_{i + 1}": _part(path, share) for i, (path, share) in enumerate(pairs)}
    training = "the mean of the masks of " + ", ".join(f"{path.name} ({share:g})" for path, share in pairs)
    metadata = {"network": "blend", "level": float(level), "licence": config.licence, "training": training}
    blend_networks(config.files, shares, config.output, metadata)
    fields = {name: getattr(config, name) for name in ("licence", "split", "metrics")}
    megabytes = round(config.output.stat().st_size / 1e6, 2)
    write_card(config.output, {**fields, "training": training, "level": level, "megabytes": megabytes, **parts})
    return config.output


def _part(path: Path, share: float) -> dict[str, object]:
    """Read the card of one of the files, as far as it has one."""
    card = path.with_suffix(".toml")
    known = tomllib.loads(card.read_text(encoding="utf-8")) if card.is_file() else {}
    return {"file": path.name, "share": share, **{name: known[name] for name in KEPT if name in known}}
