"""Choose the network that separates: by name, or from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import models
from engine.core.errors import ConfigError, ModelError
from engine.inference.network_file import read_network_file
from engine.separation.config import InstantConfig, MaskNetworkConfig, WienerConfig

__all__ = ["SEPARATORS", "WEIGHTS", "live_rate", "unmix_config"]

WEIGHTS = Path(models.__file__).with_name("weights")
SEPARATORS = {  # by the name that options know
    "unmix": WEIGHTS / "unmix.onnx",
    "unmix-heavy": WEIGHTS / "unmix-heavy.onnx",
    "unmix-low-latency": WEIGHTS / "unmix-low-latency.onnx",
    "heavy": WEIGHTS / "unmix-heavy.onnx",
    "low-latency": WEIGHTS / "unmix-low-latency.onnx",
}


def unmix_config(
    model: Path | str, *, wiener: bool = False, instant: InstantConfig | None = None, **settings: Any
) -> MaskNetworkConfig:
    """The settings for a name of SEPARATORS or a model's file; ConfigError with a remedy if it is not installed.

    wiener: whether to filter by the stereo image
    instant: how to apply masks of the past by short filters, None to wait for the window
    settings: further ones of `MaskNetworkConfig`
    """
    file = SEPARATORS.get(str(model), Path(model))
    if file.parent == WEIGHTS and not file.is_file():
        remedy = "make one with `collaparte export separation` or `collaparte import-weights`"
        raise ConfigError("stems by a network", expected=str(file), got="no such file", remedy=remedy)
    return MaskNetworkConfig(model=file, wiener=WienerConfig() if wiener else None, instant=instant, **settings)


def live_rate(config: MaskNetworkConfig) -> int | None:
    """Return the sample rate to run a network at, Hz; ModelError if it is bidirectional, so cannot run live.

    None is any: masks of the past are applied at the rate of the sound.
    """
    network = read_network_file(config.model, "unmix")
    if network.metadata.get("bidirectional") is True:
        remedy = "use `collaparte separate` for files"
        raise ModelError(network.path, expected="a network of one direction", got="one of two", remedy=remedy)
    return None if config.instant is not None else int(network.value("sample_rate", int))
