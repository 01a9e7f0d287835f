"""The networks that compare frames, as files: features and state in, embeddings and state out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from engine.following.embedder import twin_metadata
from engine.following.similarity.frame_embedder import cnn_metadata
from engine.following.similarity.planes import PLANE_ROWS, PLANES
from models.export import Graph, export_graph
from models.similarity.network import AROUND
from models.similarity.streaming_cnn import StreamingCnn
from models.similarity.streaming_network import StreamingSiamese

__all__ = [
    "cnn_graph",
    "export_cnn",
    "export_siamese",
    "siamese_cnn_metadata",
    "siamese_graph",
    "siamese_metadata",
]


def siamese_graph(network: StreamingSiamese) -> Graph:
    """Make the live graph: features and a state for each block in, embedding and states out."""
    states = {f"past{i}_in": state for i, state in enumerate(network.states())}
    return Graph(
        module=network,
        inputs={"features": torch.zeros(1, network.config.n_features), **states},
        outputs=("embedding", *(name.replace("_in", "_out") for name in states)),
        dynamic={"features": {0: "frame"}, "embedding": {0: "frame"}},
    )


def siamese_metadata(network: StreamingSiamese, *, licence: str, training: str) -> dict[str, Any]:
    """Return what the file tells the engine.

    licence: of the weights
    training: one line on where the weights come from
    """
    return {**twin_metadata(network.config.n_embedding), "licence": licence, "training": training}


def export_siamese(network: StreamingSiamese, path: Path, *, licence: str, training: str) -> Graph:
    """Write the file that `engine.following.embedder.Embedder` runs and return its graph."""
    graph = siamese_graph(network)
    export_graph(graph, path, siamese_metadata(network, licence=licence, training=training))
    return graph


def cnn_graph(network: StreamingCnn) -> Graph:
    """Make the graph of the published network on a stream: planes and a state for each layer that looks back."""
    states = {f"past{i}_in": state for i, state in enumerate(network.states())}
    return Graph(
        module=network,
        inputs={"planes": torch.zeros(1, PLANES, PLANE_ROWS), **states},
        outputs=("embedding", *(name.replace("_in", "_out") for name in states)),
        dynamic={"planes": {0: "frame"}, "embedding": {0: "frame"}},
    )


def siamese_cnn_metadata(
    network: StreamingCnn, feature: str, level: tuple[float, float], *, licence: str, training: str
) -> dict[str, Any]:
    """Return what the file tells the engine.

    feature, level: what it compares, and the mean and deviation of its rows in typical sound
    licence: of the weights
    training: one line on where the weights come from
    """
    config = network.config
    known = cnn_metadata(
        feature=feature, ahead=config.ahead, around=AROUND, level=level, n_embedding=config.n_embedding
    )
    return {**known, "licence": licence, "training": training}


def export_cnn(network: StreamingCnn, path: Path, metadata: dict[str, Any]) -> Graph:
    """Write the file that `engine.following.similarity.frame_embedder.FrameEmbedder` runs and return its graph."""
    graph = cnn_graph(network)
    export_graph(graph, path, metadata)
    return graph
