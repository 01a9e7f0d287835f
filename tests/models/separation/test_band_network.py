"""The network of bands: what its masks add up to, that it hears no future, and its blocks."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from engine.core.errors import ConfigError
from models.separation.band_network import BandNetwork, band_widths
from models.separation.config import SEPARATOR_SIZES, SeparationNetworkConfig
from models.separation.network import OpenUnmix
from tests.models.separation.test_network import magnitudes, shaken
from tests.tolerances import FLOAT32

CONFIG = SeparationNetworkConfig(network="bands", n_fft=256, hop=64, hidden=8, n_layers=2, targets=("a", "b", "c"))


@pytest.fixture(scope="module", params=["left-right", "mid-side"])
def model(request: pytest.FixtureRequest) -> BandNetwork:
    return shaken(BandNetwork(replace(CONFIG, stereo=request.param)))  # type: ignore[return-value]


@pytest.mark.parametrize("size", SEPARATOR_SIZES)
def test_bands_hold_every_bin(size: str) -> None:
    config = SeparationNetworkConfig(**SEPARATOR_SIZES[size])
    groups = band_widths(config)
    assert sum(n * bins for n, bins in groups) == config.n_bins
    assert sum(n for n, _ in groups) == 41


def test_the_same_bands_in_hertz_at_every_window() -> None:
    fine, coarse = (
        band_widths(SeparationNetworkConfig(**SEPARATOR_SIZES[size])) for size in ("standard", "low-latency")
    )
    for (n, bins), (m, wider) in zip(fine[:-1], coarse[:-1], strict=True):
        assert (n, bins / 4096) == (m, wider / 1024)


def test_too_few_bins_are_refused() -> None:
    with pytest.raises(ConfigError, match="n_fft"):
        band_widths(SeparationNetworkConfig(n_fft=64, hop=16))


def test_masks_share_out_the_whole(model: BandNetwork) -> None:
    with torch.no_grad():
        masks = model(magnitudes(model.config))
    assert masks.shape == (20, 2, 3, 2, 129)
    assert masks.min() >= 0
    torch.testing.assert_close(masks.sum(2), torch.ones(20, 2, 2, 129), atol=FLOAT32, rtol=0)


def test_a_temperature_divides_the_logits(model: BandNetwork) -> None:
    """Masks at 2 are the roots of those at 1, shared out anew: nearer to one another, and in the same order."""
    warm = BandNetwork(replace(model.config, temperature=2.0)).eval()
    warm.load_state_dict(model.state_dict())
    with torch.no_grad():
        roots, got = model(magnitudes(model.config)).sqrt(), warm(magnitudes(model.config))
    assert (got - roots / roots.sum(2, keepdim=True)).abs().max() <= FLOAT32


def test_other_networks_have_no_temperature() -> None:
    with pytest.raises(ConfigError, match="temperature"):
        SeparationNetworkConfig(temperature=1.25)


@pytest.mark.parametrize("block", [1, 3, 20])
def test_blocks_equal_the_whole(model: BandNetwork, block: int) -> None:
    magnitude, state, parts = magnitudes(model.config), None, []
    with torch.no_grad():
        expected = model(magnitude)
        for part in magnitude.split(block):
            masks, state = model.stream(part, state)
            parts.append(masks)
    assert (torch.cat(parts) - expected).abs().max() <= FLOAT32


def test_the_future_is_not_heard_and_the_past_is(model: BandNetwork) -> None:
    magnitude = magnitudes(model.config)
    changed = magnitude.clone()
    changed[10] *= 3
    with torch.no_grad():
        before, after = model(magnitude), model(changed)
    assert torch.equal(before[:10], after[:10])
    assert (before[11:] - after[11:]).abs().max() > FLOAT32


def test_each_bin_is_brought_to_mean_0_and_deviation_1() -> None:
    model = BandNetwork(CONFIG)
    magnitude = torch.exp(2 * torch.randn(5000, 129, generator=torch.Generator().manual_seed(0)) - 1)
    model.scale_input(magnitude)
    scaled = (torch.log(magnitude + 1e-3) - model.mean) * model.scale
    assert scaled.mean(0).abs().max() <= FLOAT32
    assert (scaled.std(0) - 1).abs().max() <= FLOAT32


@pytest.mark.parametrize("changes", [{"network": "open-unmix"}, {"n_channels": 1}, {"n_channels": 3}])
def test_mid_and_side_need_bands_and_two_channels(changes: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="stereo"):
        replace(CONFIG, stereo="mid-side", **changes)  # type: ignore[arg-type]


def test_fewer_weights_than_open_unmix() -> None:
    """What the bands share is small; what each has of its own are the layers at its two ends."""
    count = lambda model: sum(part.numel() for part in model.parameters())  # noqa: E731
    targets = ("vocals", "drums", "other")
    bands = BandNetwork(SeparationNetworkConfig(network="bands", targets=targets, hidden=64, n_layers=4))
    assert count(bands) < count(OpenUnmix(SeparationNetworkConfig(targets=targets, hidden=256))) / 4
