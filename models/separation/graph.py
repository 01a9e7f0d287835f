"""Networks that separate as files: magnitudes and state in, masks and state out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from models.export import Graph, export_graph
from models.separation.band_network import BandNetwork, SeparationNetwork
from models.separation.config import SeparationNetworkConfig
from models.separation.folded import StreamingOpenUnmix, WholeFileOpenUnmix
from models.separation.streaming_bands import StreamingBands
from models.weight_bits import FLOAT_BITS

__all__ = ["FEW_BITS", "export_separator", "separation_graph", "separation_metadata"]

DYNAMIC = {"magnitude": {0: "frame"}, "mask": {0: "frame"}}
FEW_BITS = 4  # of a weight of a live open-unmix: bands, and the runtime's own LSTM, need 8
OTHER = "other"  # the target that is all that the others are not
SMALL_BANDS = ("/encoders.", "/inner/", "/outer.")  # products whose 8-bit weights cost bands no quality


def separation_graph(network: SeparationNetwork) -> Graph:
    """Make the graph: magnitude, h, c -> mask, h, c; of a bidirectional network: magnitude -> mask."""
    config = network.config
    magnitude = torch.zeros(1, config.n_rows, config.n_bins)
    if config.bidirectional:
        assert not isinstance(network, BandNetwork)
        magnitude = magnitude.repeat(3, 1, 1)  # of one frame alone the exporter would take the axis for fixed
        whole = WholeFileOpenUnmix(network)
        return Graph(module=whole, inputs={"magnitude": magnitude}, outputs=("mask",), dynamic=DYNAMIC)
    bands = isinstance(network, BandNetwork)
    live = StreamingBands(network) if isinstance(network, BandNetwork) else StreamingOpenUnmix(network)
    state = torch.zeros(live.state_shape)
    return Graph(
        module=live,
        inputs={"magnitude": magnitude, "h_in": state, "c_in": state.clone()},
        outputs=("mask", "h_out", "c_out"),
        dynamic={},
        small=SMALL_BANDS if bands else (),
        few_bits=8 if bands else FEW_BITS,
    )


def separation_metadata(
    config: SeparationNetworkConfig, *, licence: str, training: str, complete: bool | None = None
) -> dict[str, Any]:
    """Return what the file tells the engine.

    licence: of the weights
    training: one line on where the weights come from
    complete: whether the targets are the whole mixture; None: as trained here, where `other` is all but the others
    """
    names = ("sample_rate", "n_fft", "hop", "window", "n_channels", "stereo", "targets", "hidden", "cross")
    known = config.as_dict()
    return {
        "kind": "unmix",
        "network": config.network,
        "feature": "magnitude",
        **{name: known[name] for name in (*names, "bidirectional", "level", "nested", "temperature")},
        "licence": licence,
        "training": training,
        "complete": config.network == "bands" or OTHER in config.targets if complete is None else complete,
    }


def export_separator(
    network: SeparationNetwork,
    path: Path,
    *,
    licence: str,
    training: str,
    bits: int = FLOAT_BITS,
    complete: bool | None = None,
) -> Graph:
    """Write the file of a network and return its graph; see `separation_metadata`.

    bits: of a weight: 32, 8, or 4 for a live open-unmix
    """
    graph = separation_graph(network)
    metadata = separation_metadata(network.config, licence=licence, training=training, complete=complete)
    export_graph(graph, path, metadata, bits=bits)
    return graph
