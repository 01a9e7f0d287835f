"""Write an exported network of bands anew: the same weights, with other bits, or in the form that is written today."""

from __future__ import annotations

import hashlib
import shlex
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.core.errors import ModelError
from models.separation.blend import separator_metadata
from models.separation.graph import export_separator
from models.separation.read_exported import read_exported
from models.weight_bits import WEIGHT_BITS
from offline.training.common.card import write_card
from offline.training.separation.config import RewriteConfig
from offline.training.separation.export import noise_of, weight_distances

__all__ = ["rewrite_separator"]

LEAST_DB = 35.0  # of the masks of noise; other bits are 50 dB or more from them, another temperature 20


def rewrite_separator(config: RewriteConfig) -> Path:
    """Write the file and its card, which repeats the old card and says from which file the weights were read.

    ModelError if it is no network of bands, or does not tell the temperature of its masks.
    """
    told, network, card = separator_metadata(config.network), read_exported(config.network), _card(config.network)
    older = card.get("network", {}).get("temperature", 1.0)  # of files that do not tell it themselves
    network.config = replace(network.config, temperature=told.get("temperature", older))
    texts = {name: str(told.get(name, "")) for name in ("licence", "training")}
    part = config.output.with_suffix(".part.onnx")  # nothing is overwritten by what masks otherwise
    export_separator(network, part, **texts, bits=config.bits, complete=told.get("complete"))
    noise = noise_of(network.config).split(1)
    checks: dict[str, Any] = weight_distances(config.network, part, noise, config.music)
    if checks["mask_snr_db"] < LEAST_DB:
        part.unlink()
        expected = "the masks of before"
        remedy = f"the temperature of its masks must be on its card, {config.network.stem}.toml beside it"
        got = f"masks {checks['mask_snr_db']:.0f} dB from them"
        raise ModelError(str(config.network), expected=expected, got=got, remedy=remedy)
    part.replace(config.output)
    checks["megabytes"] = round(config.output.stat().st_size / 1e6, 2)
    rewritten = _rewritten(config)
    fields = {"network": network.config.as_dict(), **card, "rewritten": rewritten, "rewritten_checks": checks}
    write_card(config.output, fields)
    return config.output


def _card(path: Path) -> dict[str, Any]:
    """Return what the card of a file says, nothing where it has none."""
    card = path.with_suffix(".toml")
    return tomllib.loads(card.read_text(encoding="utf-8")) if card.is_file() else {}


def _rewritten(config: RewriteConfig) -> dict[str, str]:
    """Return the command, and which file the weights were read from."""
    name, written = shlex.quote(config.network.name), shlex.quote(config.output.name)
    return {
        "command": f"collaparte rewrite {name} -o {written} --bits {config.bits}",
        "weights": WEIGHT_BITS[config.bits],
        "from_sha256": hashlib.sha256(config.network.read_bytes()).hexdigest(),
    }
