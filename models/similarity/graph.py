"""The causal network that compares frames, as a file: features and state in, embeddings and state out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from engine.following.embedder import twin_metadata
from models.export import Graph, export_graph
from models.similarity.streaming_network import StreamingSiamese

__all__ = ["export_siamese", "siamese_graph", "siamese_metadata"]


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
