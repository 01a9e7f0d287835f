"""The published networks are the published ones, wherever they are computed; losses are their equations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from engine.following.similarity.planes import PLANE_ROWS, PLANES
from models.similarity.config import MARGIN, PairMlpConfig, SiameseCnnConfig
from models.similarity.losses import contrastive_loss, distance, time_contrast
from models.similarity.network import AROUND, PairMlp, SiameseCnn
from tests.tolerances import EXPORT, FLOAT32


def shaken(model: nn.Module) -> nn.Module:
    """Normalisations as training leaves them."""
    generator = torch.Generator().manual_seed(1)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            for tensor, low, high in ((module.running_mean, -0.3, 0.3), (module.running_var, 0.5, 2.0)):
                tensor.copy_(low + (high - low) * torch.rand(tensor.shape, generator=generator))
    return model.eval()


def test_the_full_network_is_table_one() -> None:
    model = SiameseCnn(SiameseCnnConfig())
    shapes: list[tuple[int, ...]] = []
    for layer in (*model.convolutions, model.flat):
        layer.register_forward_hook(lambda module, given, out: shapes.append(tuple(given[0].shape[1:])))
    model.eval()(torch.zeros(1, PLANES, AROUND + 1, PLANE_ROWS))
    kernels = [layer.weight.shape for layer in model.convolutions]
    assert [tuple(k) for k in kernels] == [(64, 3, 5, 5), (128, 64, 5, 5), (256, 128, 3, 3), (512, 256, 3, 3)]
    # (channel, frame, row): rows are the table's, frames have the surroundings that convolutions see instead of zeros.
    assert [shape[2] for shape in shapes] == [128, 64, 32, 16, 16]
    assert shapes[-1] == (512, 16, 16) and np.prod(shapes[-1]) == 131072  # flatten


def test_along_is_every_window() -> None:
    torch.manual_seed(0)
    model = shaken(SiameseCnn(SiameseCnnConfig(width=1 / 16, n_embedding=8)))
    planes = torch.randn(1, PLANES, AROUND + 11, PLANE_ROWS)
    with torch.no_grad():
        along = model.along(planes)[0]
        windows = torch.cat([planes[:, :, i : i + AROUND + 1] for i in range(11)])
        single = model(windows)
    assert along.shape == (11, 8)
    assert float((along - single).abs().max() / single.std()) < EXPORT


def test_contrastive_loss_is_equation_one() -> None:
    first, second = (
        torch.tensor([[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]),
        torch.tensor([[0.6, 0.8], [0.3, 0.0], [3.0, 0.0]]),
    )
    assert torch.allclose(distance(first, second), torch.tensor([1.0, 0.3, 3.0]))
    assert float(contrastive_loss(first, second, torch.zeros(3))) == pytest.approx((1 + 0.09 + 9) / 6)
    apart = ((MARGIN - 1) ** 2 + (MARGIN - 0.3) ** 2 + 0) / 6
    assert float(contrastive_loss(first, second, torch.ones(3))) == pytest.approx(apart)


def test_equal_frames_have_a_gradient() -> None:
    first = torch.zeros(2, 3, requires_grad=True)
    contrastive_loss(first, torch.zeros(2, 3), torch.ones(2)).backward()
    assert torch.isfinite(first.grad).all()


def test_time_contrast_finds_the_place() -> None:
    frames = nn.functional.normalize(torch.randn(1, 40, 16, generator=torch.Generator().manual_seed(0)), dim=-1)
    right = torch.arange(40.0)[None]
    sharp = torch.tensor(30.0)
    there = float(time_contrast(frames, frames, right, sharp, 0.3).mean())
    beside = float(time_contrast(frames, frames, right + 2, sharp, 0.3).mean())
    assert there < 0.5 < beside / 10
    silent = torch.zeros(1, 40, 16)
    assert float(time_contrast(frames, silent, right, sharp).mean()) == pytest.approx(np.log(40), rel=FLOAT32)


def test_the_perceptron_sees_both_sides() -> None:
    model = PairMlp(PairMlpConfig(n_features=4, hidden=8))
    a, b = torch.randn(5, 4), torch.randn(5, 4)
    assert model(a, b).shape == (5,)
    assert not torch.allclose(model(a, b), model(a, a)) and not torch.allclose(model(a, b), model(b, b))


@pytest.mark.parametrize("width", [1 / 32, 1 / 4])
def test_a_step_moves_embeddings_less_than_the_margin(width: float) -> None:
    """However many values the flat layer sums: or the loss rises as it learns."""
    torch.manual_seed(0)
    model = SiameseCnn(SiameseCnnConfig(width=width, n_embedding=8))
    planes = torch.randn(1, PLANES, AROUND + 8, PLANE_ROWS)
    before = model.along(planes)
    optimiser = torch.optim.Adam(model.flat.parameters(), lr=1e-3)
    before.sum().backward()
    optimiser.step()
    moved = (model.along(planes) - before).norm(dim=-1)
    assert 0 < moved.max() < MARGIN
