"""The soft minimum is that over all paths, its gradient the share of each cell, and the true path is one of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from models.similarity.losses import distance
from models.similarity.network import PairAttention
from models.similarity.soft_warping import path_loss, soft_minimum, true_path

SHAPE = (4, 5)


def paths(i: int = 0, j: int = 0) -> Iterator[list[tuple[int, int]]]:
    """Every path from a cell to the last corner."""
    if (i, j) == (SHAPE[0] - 1, SHAPE[1] - 1):
        yield [(i, j)]
    for a, b in ((i + 1, j), (i, j + 1), (i + 1, j + 1)):
        if a < SHAPE[0] and b < SHAPE[1]:
            yield from ([(i, j), *rest] for rest in paths(a, b))


@pytest.mark.parametrize("softness", [0.05, 1.0])
def test_it_is_the_soft_minimum_over_all_paths(softness: float) -> None:
    costs = torch.rand(SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    each = torch.tensor([sum(float(costs[cell]) for cell in path) for path in paths()])
    wanted = -softness * torch.logsumexp(-each / softness, 0)
    assert float(soft_minimum(costs, softness)) == pytest.approx(float(wanted), abs=1e-6)
    likelihood = [float(torch.exp(-path_loss(costs, np.array(path), softness) * len(path))) for path in paths()]
    assert sum(likelihood) == pytest.approx(1.0) and min(likelihood) > 0


def test_its_gradient_is_its_own() -> None:
    costs = torch.rand(SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_()
    assert torch.autograd.gradcheck(lambda c: soft_minimum(c, 0.3), (costs,))


def test_a_true_path_meets_every_frame_where_it_belongs() -> None:
    place = np.array([0, 1, 1, 4, 5])
    path = true_path(place)
    steps = np.diff(path, axis=0)
    assert ((steps >= 0) & (steps <= 1)).all() and (steps.sum(axis=1) > 0).all()
    assert all((t, p) in set(map(tuple, path.tolist())) for t, p in enumerate(place.tolist()))


def test_attention_begins_as_the_distance_and_is_even_handed() -> None:
    torch.manual_seed(0)
    attention, first, second = PairAttention(6), torch.randn(5, 6), torch.randn(5, 6)
    assert torch.allclose(attention(first, second), distance(first, second))
    torch.nn.init.normal_(attention.score.weight)
    there, back = attention(first, second), attention(second, first)
    assert torch.allclose(there, back) and not torch.allclose(there, distance(first, second))
