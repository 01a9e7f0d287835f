"""Export a network of frame similarity: compare block by block with torch, write the card."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from engine.core.errors import ConfigError, ModelError
from engine.following.similarity.planes import PLANE_ROWS, PLANES, plane_rows
from models.similarity.graph import cnn_graph, siamese_cnn_metadata, siamese_graph, siamese_metadata
from models.similarity.network import SiameseCnn
from models.similarity.streaming_cnn import StreamingCnn
from models.similarity.streaming_network import StreamingSiamese
from offline.training.common.card import card_fields, write_card
from offline.training.common.checkpoint import Checkpoint
from offline.training.common.export import Exportable, export_checked, export_figures
from offline.training.similarity.config import SimilarityExport
from offline.training.similarity.data import load_take, stored_takes
from offline.training.similarity.pairs import as_planes, feature_track, pad_windows
from offline.training.similarity.train import SimilarityNetwork, restore_similarity

__all__ = ["export_similarity"]

N_FRAMES = 80  # of noise
CNN_FRAMES = 200  # of noise: more than a window
MOST_TAKES = 16  # whose level and mean embedding are measured

Features = npt.NDArray[np.float32]


def export_similarity(config: SimilarityExport) -> Path:
    """Write the network file and its card; ModelError if the network has no embedding."""
    network, found = restore_similarity(config.checkpoint)
    made = _exportable(network, found, config)
    checks = {"error": export_checked(made, config.output), **export_figures(found, config.output)}
    write_card(config.output, card_fields(config, found, network.config.as_dict(), checks))
    return config.output


def _exportable(network: SimilarityNetwork, found: Checkpoint, config: SimilarityExport) -> Exportable:
    texts = {"licence": config.licence, "training": config.training}
    if isinstance(network, StreamingSiamese):
        stream = 2 * torch.rand(N_FRAMES, network.config.n_features, generator=torch.Generator().manual_seed(0))
        return Exportable(graph=siamese_graph(network), metadata=siamese_metadata(network, **texts), stream=stream)
    if not isinstance(network, SiameseCnn):
        expected = "a checkpoint of `train similarity --architecture live` or cnn"
        raise ModelError(str(config.checkpoint), expected=expected, got=type(network).__name__)
    if network.attention is not None:
        expected = "a network whose distance is Euclidean"
        raise ModelError(str(config.checkpoint), expected=expected, got="one with attention over the pair")
    feature = str(found.task["feature"])
    level, centre = _measured(network, feature, config.takes)
    served = StreamingCnn(network, centre)
    stream = torch.randn(CNN_FRAMES, PLANES, PLANE_ROWS, generator=torch.Generator().manual_seed(0))
    metadata = siamese_cnn_metadata(served, feature, level, **texts)
    return Exportable(graph=cnn_graph(served), metadata=metadata, stream=stream)


def _measured(network: SiameseCnn, feature: str, takes: Path | None) -> tuple[tuple[float, float], torch.Tensor]:
    """Return mean and deviation of the feature's rows, and the mean embedding, over some takes."""
    if takes is None:
        remedy = "--takes FOLDER, those of the validation"
        raise ConfigError("takes", expected="takes, whose level is measured", got="nothing", remedy=remedy)
    levels, centres = [], []
    for path in stored_takes(takes)[:MOST_TAKES]:
        take = load_take(path)
        features = feature_track(feature, take.audio, take.sample_rate).features
        rows = plane_rows(features)
        levels.append((rows.mean(), rows.std()))
        planes = torch.from_numpy(pad_windows(as_planes(features), network.config.ahead))
        with torch.no_grad():
            centres.append(network.along(planes[None])[0].mean(dim=0))
    mean, scale = np.mean(levels, axis=0)
    return (float(mean), float(scale)), torch.stack(centres).mean(dim=0)
