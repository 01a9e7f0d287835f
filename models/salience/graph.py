"""The salience network as a file: block by block, with its state as inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from engine.dsp.harmonic import HARMONICS, HcqtConfig
from models.export import Graph, export_graph
from models.salience.config import SalienceNetworkConfig
from models.salience.network import SalienceNetwork

__all__ = ["StreamingSalience", "export_salience_network", "salience_graph", "salience_metadata"]


class StreamingSalience(nn.Module):
    """hcqt (frame, harmonic, bin), a cache a layer -> salience (frame, map, bin) from 0 to 1, caches."""

    def __init__(self, model: SalienceNetwork) -> None:
        super().__init__()
        self.model = model.eval()

    def forward(self, hcqt: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """Return the next frames' salience; row t describes frame t - look_ahead."""
        logits, state_out = self.model.stream(hcqt[None], list(state))
        return torch.sigmoid(logits[0]), *state_out


def salience_graph(model: SalienceNetwork) -> Graph:
    """Make the graph of a network."""
    config = model.config
    inputs = {"hcqt": torch.zeros(1, config.n_harmonics, config.n_bins)}
    state = {f"c{i}_in": cache for i, cache in enumerate(model.initial_state())}
    return Graph(
        module=StreamingSalience(model),
        inputs={**inputs, **state},
        outputs=("salience", *(name.replace("_in", "_out") for name in state)),
        dynamic={"hcqt": {0: "frame"}, "salience": {0: "frame"}},
    )


def salience_metadata(config: SalienceNetworkConfig, hcqt: HcqtConfig, *, texts: Mapping[str, str]) -> dict[str, Any]:
    """Return what the file tells the engine.

    hcqt: the transform that the network was trained on
    texts: licence, training
    """
    return {
        "kind": "salience",
        "feature": "log harmonic CQT",
        "harmonics": list(HARMONICS),
        "low_hz": hcqt.low_hz,
        "bins_per_octave": hcqt.bins_per_octave,
        "n_octaves": hcqt.n_octaves,
        "above": hcqt.above,
        "hop_s": hcqt.hop_s,
        "gamma": hcqt.gamma,
        "cqt_look_ahead_s": hcqt.look_ahead_s,
        "compression": hcqt.compression,
        "look_ahead": config.look_ahead,
        "maps": list(config.maps),
        "channels": list(config.channels),
        "licence": texts["licence"],
        "training": texts["training"],
    }


def export_salience_network(
    network: SalienceNetwork, path: Path, hcqt: HcqtConfig, *, texts: Mapping[str, str]
) -> Graph:
    """Write the file that `engine.following.salience` runs and return its graph."""
    graph = salience_graph(network)
    export_graph(graph, path, salience_metadata(network.config, hcqt, texts=texts))
    return graph
