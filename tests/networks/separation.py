"""Small network files for the tests, written once a process."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from models.separation.band_network import BandNetwork, build_network
from models.separation.blend import blend_networks
from models.separation.config import SeparationNetworkConfig
from models.separation.graph import export_separator
from models.separation.network import OpenUnmix
from tests.models.separation.test_network import shaken

KEPT = TemporaryDirectory(prefix="networks-")  # removed when the tests end
FOLDER = Path(KEPT.name)


@cache
def small_model(**settings: object) -> OpenUnmix | BandNetwork:
    """A tiny bank with random weights, normalisations and scalers, whose masks lie on both sides of one."""
    config = SeparationNetworkConfig(**{"n_fft": 256, "hop": 64, "hidden": 12, **settings})  # type: ignore[arg-type]
    torch.manual_seed(0)
    return shaken(build_network(config))


@cache
def small_file(*, bits: int = 32, **settings: object) -> Path:
    path = FOLDER / f"{abs(hash((bits, *settings.items())))}.onnx"
    export_separator(small_model(**settings), path, licence="CC0-1.0", training="random weights", bits=bits)
    return path


@cache
def blended_file() -> Path:
    """One of left and right beside one of mid and side."""
    path = FOLDER / "blend.onnx"
    blend_networks([small_file(), small_file(network="bands", stereo="mid-side")], [1, 2], path, {"licence": "CC0-1.0"})
    return path
