"""Which network separates: the one that was named, or the one that ships."""

from __future__ import annotations

from pathlib import Path

import models
from engine.dsp.wiener import WienerConfig
from engine.errors import ModelError
from engine.inference.onnx import Network
from engine.inference.unmix import UnmixConfig

__all__ = ["DEFAULT", "unmix_config", "unmix_rate"]

DEFAULT = Path(models.__file__).with_name("weights") / "unmix.onnx"


def unmix_config(model: Path | None, *, wiener: bool = False) -> UnmixConfig:
    """The settings for a model's file, None for the one that ships; ModelError with a remedy if that is not there."""
    if model is None and not DEFAULT.is_file():
        remedy = "name one with --model FILE.onnx: train it (`collaparte train unmix`), or `collaparte import-weights`"
        raise ModelError(str(DEFAULT), expected="the network that ships", got="nothing there", remedy=remedy)
    return UnmixConfig(model=model or DEFAULT, wiener=WienerConfig() if wiener else None)


def unmix_rate(config: UnmixConfig) -> int:
    """The sample rate that the network was made for, Hz."""
    return int(Network(config.model, "unmix").value("sample_rate", int))
