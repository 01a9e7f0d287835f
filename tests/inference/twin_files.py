"""A small live twin for the tests, written once a process."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch

from engine.inference.siamese import TwinFeatures
from models.live_siamese import LiveSiamese, LiveSiameseConfig, export_siamese
from tests.inference.files import FOLDER
from tests.models.test_siamese import shaken


@cache
def small_twin_model() -> LiveSiamese:
    """Random weights and normalisations, three layers of sixteen."""
    torch.manual_seed(7)
    config = LiveSiameseConfig(n_features=TwinFeatures().n_features, hidden=16, n_embedding=8, n_layers=3)
    model = shaken(LiveSiamese(config))
    assert isinstance(model, LiveSiamese)
    return model


@cache
def small_twin() -> Path:
    path = FOLDER / "small-twin.onnx"
    export_siamese(small_twin_model(), path, licence="CC0-1.0", training="random weights")
    return path
