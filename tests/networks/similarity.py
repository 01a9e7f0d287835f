"""A small live twin for the tests, written once a process."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch

from engine.following.embedder import TwinFeatures
from models.similarity.live_network import LiveSiamese, LiveSiameseConfig, export_siamese
from tests.models.similarity.test_network import shaken
from tests.networks.separation import FOLDER


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
