"""A small live twin for the tests, written once a process."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch

from engine.following.embedder import TwinFeatures
from models.similarity.config import StreamingSiameseConfig
from models.similarity.graph import export_siamese
from models.similarity.streaming_network import StreamingSiamese
from tests.models.similarity.test_network import shaken
from tests.networks.separation import FOLDER


@cache
def small_twin_model() -> StreamingSiamese:
    """Random weights and normalisations, three layers of sixteen."""
    torch.manual_seed(7)
    config = StreamingSiameseConfig(n_features=TwinFeatures().n_features, hidden=16, n_embedding=8, n_layers=3)
    model = shaken(StreamingSiamese(config))
    assert isinstance(model, StreamingSiamese)
    return model


@cache
def small_twin() -> Path:
    path = FOLDER / "small-twin.onnx"
    export_siamese(small_twin_model(), path, licence="CC0-1.0", training="random weights")
    return path
