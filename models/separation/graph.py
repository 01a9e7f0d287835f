"""Networks that separate as files: magnitude and state in, masks and state out."""

from __future__ import annotations

from pathlib import Path

import torch

from models.export import Graph, export_graph
from models.separation.band_network import BandUnmix, LiveBands
from models.separation.folded import FoldedUnmix, FoldedWhole
from models.separation.network import Unmix

__all__ = ["export_unmix", "unmix_graph"]


def unmix_graph(model: Unmix | BandUnmix) -> Graph:
    """The graph of a bank: magnitude, h, c -> mask, h, c; of one with two directions: magnitude -> mask."""
    config, dynamic = model.config, {"magnitude": {0: "frame"}, "mask": {0: "frame"}}
    magnitude = torch.zeros(1, config.n_heard, config.n_bins)
    if config.bidirectional:
        magnitude = magnitude.repeat(3, 1, 1)  # of one frame alone the exporter would take the axis for fixed
        return Graph(module=FoldedWhole(model), inputs={"magnitude": magnitude}, outputs=("mask",), dynamic=dynamic)
    live = LiveBands(model) if isinstance(model, BandUnmix) else FoldedUnmix(model)
    state = torch.zeros(live.state_shape)
    return Graph(
        module=live,
        inputs={"magnitude": magnitude, "h_in": state, "c_in": state.clone()},
        outputs=("mask", "h_out", "c_out"),
        dynamic=dynamic,
        small=("/encoders.", "/inner.", "/outer.") if isinstance(model, BandUnmix) else (),
    )


def export_unmix(model: Unmix | BandUnmix, path: Path, *, licence: str, training: str, int8: bool = False) -> Graph:
    """Write the file of a bank; licence: of its weights; training: one line on where they come from."""
    config, graph = model.config, unmix_graph(model)
    metadata = {
        "kind": "unmix",
        "network": config.network,
        "feature": "magnitude",
        "sample_rate": config.sample_rate,
        "n_fft": config.n_fft,
        "hop": config.hop,
        "window": config.window,
        "n_channels": config.n_channels,
        "stereo": config.stereo,
        "targets": list(config.targets),
        "hidden": config.hidden,
        "cross": config.cross,
        "bidirectional": config.bidirectional,
        "level": config.level,
        "licence": licence,
        "training": training,
    }
    export_graph(graph, path, metadata, int8=int8)
    return graph
