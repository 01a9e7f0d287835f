"""Which network separates: the one that was named, or the one that ships."""

from __future__ import annotations

from pathlib import Path

import models
from engine.core.errors import ConfigError, ModelError
from engine.inference.network import Network
from engine.separation.mask_network import MaskNetworkConfig
from engine.separation.wiener import WienerConfig

__all__ = ["DEFAULT", "SHIPPED", "live_rate", "require_network", "unmix_config"]

WEIGHTS = Path(models.__file__).with_name("weights")
DEFAULT = WEIGHTS / "unmix.onnx"
SHIPPED = {name: WEIGHTS / f"unmix-{name}.onnx" for name in ("heavy", "low-latency")}  # by the name options know


def unmix_config(model: Path | None, *, wiener: bool = False) -> MaskNetworkConfig:
    """The settings for a model's file or a name of `SHIPPED`, None for the one that ships.

    ConfigError with a remedy if what ships is not there.
    """
    file = DEFAULT if model is None else SHIPPED.get(str(model), model)
    if file.parent == WEIGHTS and not file.is_file():
        remedy = "make one with `collaparte train unmix-export` or `collaparte import-weights`"
        raise ConfigError("stems by a network", expected=str(file), got="no such file", remedy=remedy)
    return MaskNetworkConfig(model=file, wiener=WienerConfig() if wiener else None)


def live_rate(config: MaskNetworkConfig) -> int:
    """The sample rate that the network was made for, Hz; ModelError if it hears the future, so cannot run live."""
    network = Network(config.model, "unmix")
    if network.metadata.get("bidirectional") is True:
        remedy = "use `collaparte separate` for files"
        raise ModelError(network.path, expected="a network of one direction", got="one of two", remedy=remedy)
    return int(network.value("sample_rate", int))


def require_network(config: MaskNetworkConfig, *, cross: bool) -> None:
    """ModelError unless the targets of the network cross (X-UMX), or do not (UMX), as was asked for."""
    network, names = Network(config.model, "unmix"), ("umx", "xumx")
    other = network.metadata.get("network", "open-unmix")
    found = names[network.value("cross", bool)] if other == "open-unmix" else other
    if found != names[cross]:
        remedy = f"say --model {found if found in names else 'unmix'}"
        remedy = remedy if config.model != DEFAULT else "name weights with --weights FILE"
        raise ModelError(network.path, expected=f"{names[cross]} weights", got=str(found)[:60], remedy=remedy)
