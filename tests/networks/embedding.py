"""A small embedding network as a file with its card, written once a process."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor, nn

from engine.detection.embedding import EmbeddingConfig, read_embedding
from models.export import Graph, export_graph

KEPT = TemporaryDirectory(prefix="embeddings-")  # removed when the tests end
FOLDER = Path(KEPT.name)
WINDOW, HOP, RATE, SIZE = 1600, 800, 8000, 6


class Bands(nn.Module):
    """audio (1, sample) -> (1, 6): the level of each sixth of the window's spectrum, without an FFT."""

    def __init__(self) -> None:
        super().__init__()
        time_s = torch.arange(WINDOW) / RATE
        hz = torch.linspace(100, 3500, SIZE * 4)[:, None]
        angle = 2 * torch.pi * hz * time_s
        self.register_buffer("bank", torch.cat([angle.sin(), angle.cos()]).T / WINDOW)
        self.bank: Tensor

    def forward(self, audio: Tensor) -> Tensor:
        levels = (audio @ self.bank) ** 2
        return (levels.reshape(1, 2, SIZE, 4).sum((1, 3)) + 1e-8).log() / 8 + 2


@cache
def embedding_file() -> Path:
    path = FOLDER / "bands.onnx"
    graph = Graph(module=Bands(), inputs={"audio": torch.zeros(1, WINDOW)}, outputs=("vector",), dynamic={})
    export_graph(graph, path, {})
    numbers = {"sample_rate": RATE, "window": WINDOW, "hop": HOP, "dimension": SIZE}
    path.with_suffix(".toml").write_text("".join(f"{name} = {value}\n" for name, value in numbers.items()))
    return path


def embedding() -> EmbeddingConfig:
    return read_embedding(embedding_file())
