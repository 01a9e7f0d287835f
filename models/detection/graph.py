"""Graphs of the sound event network for export: causal in blocks with state, bidirectional in whole windows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from engine.detection.event_decoder import Decisions
from engine.detection.frame_clock import SOUND_FRAMES, SOUND_RATE, STEP_FRAMES
from models.detection.network import Crnn
from models.export import Graph, export_graph

__all__ = ["StreamingCrnn", "WindowCrnn", "crnn_graph", "crnn_metadata", "export_crnn"]


class StreamingCrnn(nn.Module):
    """mel (frame, mel), embeddings (step, n_in), h, one cache per stack -> probability (step, class), h and caches."""

    def __init__(self, model: Crnn) -> None:
        super().__init__()
        self.model = model.eval()
        self.n_embeddings = len(model.config.embeddings)

    def forward(self, mel: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
        """Return the probabilities of the next steps; row t is step t - look_ahead."""
        embeddings = tuple(e[None] for e in others[: self.n_embeddings])
        logits, state = self.model.stream(mel[None], list(others[self.n_embeddings :]), embeddings)
        return torch.sigmoid(logits[0]), *state


class WindowCrnn(nn.Module):
    """mel (frame, mel), embeddings (step, n_in) -> probability (step, class), from past and future."""

    def __init__(self, model: Crnn) -> None:
        super().__init__()
        self.model = model.eval()

    def forward(self, mel: Tensor, *embeddings: Tensor) -> Tensor:
        """Return the probabilities of the whole window."""
        return torch.sigmoid(self.model(mel[None], tuple(e[None] for e in embeddings))[0])


def crnn_graph(model: Crnn, *, block: int = 1) -> Graph:
    """Make the graph of a network, with examples of `block` steps; the states of a causal one follow the embeddings."""
    config = model.config
    inputs = {"mel": torch.zeros(STEP_FRAMES * block, config.n_mels)}
    inputs |= {e.name: torch.zeros(block, e.n_in) for e in config.embeddings}
    dynamic = {name: {0: "frame" if name == "mel" else "step"} for name in (*inputs, "probability")}
    if not config.causal:
        return Graph(module=WindowCrnn(model), inputs=inputs, outputs=("probability",), dynamic=dynamic)
    state = model.initial_state()
    names = ["h", *(f"c{i}" for i in range(len(state) - 1))]
    inputs |= {f"{name}_in": value for name, value in zip(names, state, strict=True)}
    outputs = ("probability", *(f"{name}_out" for name in names))
    return Graph(module=StreamingCrnn(model), inputs=inputs, outputs=outputs, dynamic=dynamic)


def export_crnn(model: Crnn, path: Path, *, licence: str, training: str, decisions: Decisions | None = None) -> Graph:
    """Write the file that `engine.detection.crnn` runs.

    licence: licence of the weights
    training: one line on where the weights come from
    decisions: tuned on validation data
    """
    graph = crnn_graph(model)
    metadata = crnn_metadata(model, licence=licence, training=training, decisions=decisions)
    export_graph(graph, path, metadata)
    return graph


def crnn_metadata(model: Crnn, *, licence: str, training: str, decisions: Decisions | None) -> dict[str, Any]:
    """Collect what the file tells the engine."""
    config = model.config
    return {
        "kind": "crnn",
        "feature": "log-mel magnitude",
        "sample_rate": SOUND_RATE,
        "n_fft": SOUND_FRAMES.n_fft,
        "hop": SOUND_FRAMES.hop,
        "n_mels": config.n_mels,
        "step_frames": STEP_FRAMES,
        "classes": list(config.classes),
        "causal": config.causal,
        "look_ahead": config.look_ahead,
        "embeddings": [e.name for e in config.embeddings],
        "decisions": (decisions or Decisions()).as_dict(),
        "licence": licence,
        "training": training,
    }
