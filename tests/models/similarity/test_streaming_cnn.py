"""The published network on a stream is the published network on the whole sound, and its file is both."""

from __future__ import annotations

import pytest
import torch

from engine.following.similarity.planes import PLANE_ROWS, PLANES
from models.export import check_graph
from models.similarity.graph import cnn_graph
from models.similarity.losses import distance
from models.similarity.network import AROUND
from tests.networks.similarity import small_cnn, small_cnn_model
from tests.tolerances import EXPORT, FLOAT32


def planes(n: int) -> torch.Tensor:
    return torch.randn(n, PLANES, PLANE_ROWS, generator=torch.Generator().manual_seed(0))


def test_a_stream_gives_the_embeddings_of_every_window() -> None:
    served, stream = small_cnn_model(), planes(AROUND + 9)
    states, rows = served.states(), []
    with torch.no_grad():
        for part in torch.split(stream, [AROUND - 3, 1, 4, 7]):
            found, *states = served(part, *states)
            rows.append(found)
        windows = torch.stack([stream[i : i + AROUND + 1] for i in range(9)]).permute(0, 2, 1, 3)
        wanted = served.network(windows)
    got = torch.cat(rows)[AROUND:]
    assert float((got + served.centre - wanted).abs().max()) < FLOAT32 * float(wanted.std()) * 10
    assert torch.allclose(distance(got[:1], got[1:]), distance(wanted[:1], wanted[1:]), atol=1e-5)  # no centre in it


@pytest.mark.parametrize("block", [1, 7])
def test_the_file_is_the_module(block: int) -> None:
    graph = cnn_graph(small_cnn_model())
    assert check_graph(graph, small_cnn(), planes(AROUND + 40), block=block, kind="siamese-cnn") < EXPORT
