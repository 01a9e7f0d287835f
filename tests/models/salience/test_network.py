"""The salience network: its size as published, what it hears, and blocks that equal the whole."""

from __future__ import annotations

import json

import pytest
import torch

from engine.core.errors import ConfigError
from models.salience.config import PUBLISHED, REACH, SalienceNetworkConfig
from models.salience.losses import salience_loss
from models.salience.network import SalienceNetwork
from tests.tolerances import EXPORT, FLOAT32

TINY = {"channels": (4, 3, 3, 3, 2), "bins_per_octave": 12, "n_bins": 24}


def build(seed: int = 0, **settings: object) -> SalienceNetwork:
    """A small network with lively weights and statistics, in evaluation mode."""
    torch.manual_seed(seed)
    model = SalienceNetwork(SalienceNetworkConfig(**{**TINY, **settings}))  # type: ignore[arg-type]
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.running_mean, 0, 0.1)
            torch.nn.init.uniform_(module.running_var, 0.5, 2.0)
            torch.nn.init.normal_(module.bias, 0.2, 0.2)
    torch.nn.init.zeros_(model.head.bias)
    return model.eval()


def test_the_published_layers() -> None:
    """Figure 2 of Bittner et al. (2017), at 60 bins an octave: kernels and widths, weights without biases."""
    model = SalienceNetwork(SalienceNetworkConfig(**PUBLISHED, bins_per_octave=60, n_bins=360))
    shapes = [tuple(layer.convolution.weight.shape) for layer in model.layers]
    assert shapes == [(128, 6, 5, 5), (64, 128, 5, 5), (64, 64, 3, 3), (64, 64, 3, 3), (8, 64, 3, 70)]
    assert model.head.weight.shape == (1, 8, 1, 1)
    assert model.config.look_ahead == REACH / 2 == 7


@pytest.mark.parametrize("sizes", [[1], [2], [3, 1, 5], [40]])
@pytest.mark.parametrize("look_ahead", [0, 1, 7])
def test_blocks_equal_the_whole(sizes: list[int], look_ahead: int) -> None:
    model, x = build(look_ahead=look_ahead), torch.rand(2, 40, 6, 24)
    with torch.inference_mode():
        whole = model(x)
        state, out, at, turn = model.initial_state(2), [], 0, 0
        padded = torch.cat([x, torch.zeros(2, look_ahead, 6, 24)], 1)
        while at < padded.shape[1]:
            n = sizes[turn % len(sizes)]
            logits, state = model.stream(padded[:, at : at + n], state)
            out.append(logits)
            at, turn = at + n, turn + 1
    parts = torch.cat(out, 1)[:, look_ahead:]
    assert parts.shape == whole.shape == (2, 40, 2, 24)
    assert (parts - whole).abs().max() <= EXPORT * whole.std()


@pytest.mark.parametrize("look_ahead", [0, 2])
def test_it_hears_just_so_far_ahead(look_ahead: int) -> None:
    model, x = build(look_ahead=look_ahead), torch.rand(1, 40, 6, 24)
    changed = x.clone()
    changed[:, 20] += 1
    with torch.inference_mode():
        moved = (model(x) - model(changed)).abs().amax((0, 2, 3)) > 0
    first, last = torch.nonzero(moved).flatten()[[0, -1]].tolist()
    assert (first, last) == (20 - look_ahead, 20 - look_ahead + REACH)


def test_the_loss_is_equation_four() -> None:
    logits, target = torch.randn(3, 5), torch.rand(3, 5)
    p = torch.sigmoid(logits)
    expected = (-target * torch.log(p) - (1 - target) * torch.log(1 - p)).mean()
    assert salience_loss(logits, target) == pytest.approx(float(expected), rel=FLOAT32)


def test_settings_survive_json() -> None:
    config = SalienceNetworkConfig(channels=(1, 2, 3, 4, 5), look_ahead=3, onsets=False)
    assert SalienceNetworkConfig.from_dict(json.loads(json.dumps(config.as_dict()))) == config


def test_bad_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match="channels: expected 5 numbers"):
        SalienceNetworkConfig(channels=(16, 16))
    with pytest.raises(ConfigError, match="look_ahead"):
        SalienceNetworkConfig(look_ahead=15)
