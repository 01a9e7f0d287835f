"""A small network that takes windows of log-mel frames, or of samples, as a file, written once a process."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor, nn

from engine.core.config import resolved
from engine.detection.front_end import WindowFrontEnd
from engine.detection.sound_files import WINDOW_NETWORK
from models.export import Graph, export_graph

KEPT = TemporaryDirectory(prefix="windows-")  # removed when the tests end
FOLDER = Path(KEPT.name)
NAMES = ("bell", "Child speech, kid speaking", "rain")


def front_end(n_mels: int = 12, **more: object) -> WindowFrontEnd:
    """20 ms frames every 10 ms at 8 kHz, windows of 100 ms every 50."""
    usual = dict(sample_rate=8000, frame=160, hop=80, n_fft=256, n_mels=n_mels, offset=0.01, frames=10, step=5)
    return WindowFrontEnd(**{**usual, **more})  # type: ignore[arg-type]


class Random(nn.Module):
    """A window, with an axis before it, -> logits (1, class) that cross 0 again and again in swelling noise."""

    def __init__(self, size: int, centre: float) -> None:
        super().__init__()
        weight = np.random.default_rng(3).standard_normal((size, len(NAMES)))
        self.register_buffer("weight", torch.from_numpy(weight.astype(np.float32)))
        self.weight: Tensor
        self.centre = centre

    def forward(self, window: Tensor) -> Tensor:
        return (window.reshape(1, -1) - self.centre) @ self.weight


@cache
def window_network_file(n_mels: int = 12, *, described: bool = True) -> Path:
    """described: whether the file has metadata; else its card, and the list of classes, lie beside it."""
    front = front_end(n_mels)
    path = FOLDER / f"windows-{n_mels}-{described}.onnx"
    example = torch.zeros(1, *front.shape)
    graph = Graph(
        module=Random(example.numel(), 0.4 if n_mels else 0.0), inputs={"x": example}, outputs=("scores",), dynamic={}
    )
    metadata = {"kind": WINDOW_NETWORK, "front_end": resolved(front), "classes": list(NAMES), "scores": "logit"}
    export_graph(graph, path, metadata if described else {})
    if not described:
        lines = [f"{name} = {value!r}".replace("'", '"') for name, value in resolved(front).items()]
        card = ['classes = "map.csv"', 'scores = "logit"', "[front_end]", *lines]
        path.with_suffix(".toml").write_text("\n".join(card) + "\n")
        rows = [f'{i},/m/0{i},"{name}"' for i, name in enumerate(NAMES)]
        path.with_name("map.csv").write_text("\n".join(["index,mid,display_name", *rows]) + "\n")
    return path
