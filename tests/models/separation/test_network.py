"""The networks against the package that they were published with, and their own live direction."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
import torch

from engine.core.errors import ConfigError
from models.separation.config import SEPARATOR_SIZES, SeparationNetworkConfig
from models.separation.network import OpenUnmix
from tests.tolerances import FLOAT32

SMALL = {"n_fft": 256, "hop": 64, "hidden": 12, "bandwidth_hz": 16000.0}


def published(config: SeparationNetworkConfig) -> torch.nn.Module:
    """One network of the `openunmix` package; it imports torchaudio for files only, which this does not need."""
    sys.modules.setdefault("torchaudio", ModuleType("torchaudio"))
    model = pytest.importorskip("openunmix.model", reason="pip install --no-deps openunmix: the peer is not here")
    return model.OpenUnmix(
        nb_bins=config.n_bins,
        nb_channels=config.n_channels,
        hidden_size=config.hidden,
        nb_layers=config.n_layers,
        unidirectional=not config.bidirectional,
        max_bin=config.n_input_bins,
    )


def shaken(model: torch.nn.Module) -> torch.nn.Module:
    """Random weights, scalers and batch statistics, so that no part of the forward pass is the identity."""
    torch.manual_seed(0)
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            if tensor.is_floating_point():
                tensor.add_(0.3 * torch.rand_like(tensor))
    return model.eval()


def magnitudes(config: SeparationNetworkConfig, n_frames: int = 20, n_batch: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(n_frames, n_batch, config.n_rows, config.n_bins, generator=generator)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("n_channels", [1, 2])
def test_equals_the_published_network(bidirectional: bool, n_channels: int) -> None:
    config = SeparationNetworkConfig(
        **SMALL, bidirectional=bidirectional, n_channels=n_channels, cross=False, targets=("a", "b")
    )
    ours, theirs = shaken(OpenUnmix(config)), [shaken(published(config)) for _ in config.targets]
    for net, peer in zip(ours.nets.values(), theirs, strict=True):
        net.load_state_dict(peer.state_dict())  # same names, same shapes
    magnitude = magnitudes(config)
    with torch.no_grad():
        masks = ours(magnitude)
        for target, peer in enumerate(theirs):
            expected = peer(magnitude.permute(1, 2, 3, 0)).permute(3, 0, 1, 2)
            got = masks[:, :, target] * magnitude
            assert (got - expected).abs().max() <= FLOAT32 * expected.std()


def test_input_bins_of_the_published_size() -> None:
    """1487 bins up to 16 kHz, as in the released weights."""
    assert SeparationNetworkConfig().n_input_bins == 1487
    assert SeparationNetworkConfig(**SEPARATOR_SIZES["low-latency"]).n_input_bins == 372


def test_crossing_equals_figure_3b_written_out() -> None:
    config = SeparationNetworkConfig(**SMALL, targets=("a", "b", "c"))
    model = shaken(OpenUnmix(config))
    magnitude = magnitudes(config)
    nets = list(model.nets.values())
    with torch.no_grad():
        code = torch.stack([net.encode(magnitude) for net in nets]).mean(0)
        inner = torch.stack([net.lstm(code)[0] for net in nets]).mean(0)
        expected = torch.stack([net.decode(torch.cat([code, inner], -1)) for net in nets], 2)
        torch.testing.assert_close(model(magnitude), expected, atol=FLOAT32, rtol=0)
        uncrossed = OpenUnmix(SeparationNetworkConfig(**SMALL, targets=("a", "b", "c"), cross=False)).eval()
        uncrossed.load_state_dict(model.state_dict())  # crossing adds no parameter
        assert (uncrossed(magnitude) - expected).abs().max() > 0.01


@pytest.mark.parametrize("cross", [False, True])
@pytest.mark.parametrize("n_frames", [1, 3, 7])
def test_carried_state_equals_the_whole_sequence(cross: bool, n_frames: int) -> None:
    config = SeparationNetworkConfig(**SMALL, cross=cross)
    model = shaken(OpenUnmix(config))
    magnitude = magnitudes(config)
    state, parts = None, []
    with torch.no_grad():
        for part in magnitude.split(n_frames):
            masks, state = model.stream(part, state)
            parts.append(masks)
        torch.testing.assert_close(torch.cat(parts), model(magnitude), atol=FLOAT32, rtol=0)


def test_statistics_whiten_the_input() -> None:
    config = SeparationNetworkConfig(**SMALL)
    model = OpenUnmix(config)
    magnitude = 5 + 3 * torch.randn(4000, config.n_bins)
    model.scale_input(magnitude)
    net = next(iter(model.nets.values()))
    scaled = (magnitude[:, : config.n_input_bins] + net.input_mean) * net.input_scale
    torch.testing.assert_close(scaled.std(0), torch.ones(config.n_input_bins), atol=1e-4, rtol=0)
    assert scaled.mean().abs() < 1e-4


@pytest.mark.parametrize("wrong", [{"hidden": 7}, {"hidden": 9}, {"targets": ()}, {"n_fft": 3}, {"n_layers": 0}])
def test_refuses_what_cannot_be_built(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        SeparationNetworkConfig(**wrong)
