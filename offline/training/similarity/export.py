"""Export the live network of frame similarity: compare block by block with torch, write the card."""

from __future__ import annotations

from pathlib import Path

import torch

from engine.core.errors import ModelError
from models.similarity.graph import siamese_graph, siamese_metadata
from models.similarity.streaming_network import StreamingSiamese
from offline.training.common.card import card_fields, write_card
from offline.training.common.export import Exportable, export_checked, export_figures
from offline.training.similarity.config import SimilarityExport
from offline.training.similarity.train import restore_similarity

__all__ = ["export_similarity"]

N_FRAMES = 80  # of noise


def export_similarity(config: SimilarityExport) -> Path:
    """Write the network file and its card; ModelError if the network is not the live one."""
    network, found = restore_similarity(config.checkpoint)
    if not isinstance(network, StreamingSiamese):
        expected = "a checkpoint of `train similarity --architecture live`"
        raise ModelError(str(config.checkpoint), expected=expected, got=type(network).__name__)
    stream = 2 * torch.rand(N_FRAMES, network.config.n_features, generator=torch.Generator().manual_seed(0))
    metadata = siamese_metadata(network, licence=config.licence, training=config.training)
    made = Exportable(graph=siamese_graph(network), metadata=metadata, stream=stream)
    checks = {"error": export_checked(made, config.output), **export_figures(found, config.output)}
    write_card(config.output, card_fields(config, found, network.config.as_dict(), checks))
    return config.output
