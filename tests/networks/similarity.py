"""Small networks of frame similarity for the tests, each written once a process."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch

from engine.following.embedder import TwinFeatures
from models.similarity.config import SiameseCnnConfig, StreamingSiameseConfig
from models.similarity.graph import export_cnn, export_siamese, siamese_cnn_metadata
from models.similarity.network import SiameseCnn
from models.similarity.streaming_cnn import StreamingCnn
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


LEVEL = (0.4, 0.5)  # of the rows of a feature
CNN_AHEAD = 3


@cache
def small_cnn_model() -> StreamingCnn:
    """The published network at a 32nd of its width, random, less a centre."""
    torch.manual_seed(8)
    network = SiameseCnn(SiameseCnnConfig(width=1 / 32, n_embedding=6, ahead=CNN_AHEAD))
    assert isinstance(shaken(network), SiameseCnn)
    return StreamingCnn(network, torch.linspace(-1, 1, 6))


@cache
def small_cnn(feature: str = "chroma") -> Path:
    path = FOLDER / f"small-cnn-{feature}.onnx"
    metadata = siamese_cnn_metadata(small_cnn_model(), feature, LEVEL, licence="CC0-1.0", training="random weights")
    export_cnn(small_cnn_model(), path, metadata)
    return path
