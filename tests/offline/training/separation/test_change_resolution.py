"""Weights of a long window as a start for a short one."""

from __future__ import annotations

import pytest
import torch

from engine.core.errors import ModelError
from models.separation.band_network import BandNetwork
from models.separation.config import SeparationNetworkConfig
from models.separation.network import OpenUnmix
from models.separation.spectra import input_magnitudes, swap_mid_side
from offline.training.separation.change_resolution import change_resolution
from tests.tolerances import FLOAT32

FINE = {"targets": ("vocals", "other"), "n_fft": 256, "hop": 64, "hidden": 16, "sample_rate": 8000, "n_layers": 1}


def bank(**changes: object) -> OpenUnmix:
    torch.manual_seed(0)
    return OpenUnmix(SeparationNetworkConfig(**{**FINE, "bandwidth_hz": 3000.0, **changes})).eval()


def test_the_same_window_gives_the_same_network() -> None:
    first, second = bank(), bank()
    with torch.no_grad():
        for value in first.state_dict().values():
            if value.is_floating_point():
                value.add_(torch.rand_like(value))
    change_resolution(second, first)
    magnitude = torch.rand(7, 1, 2, 129)
    with torch.no_grad():
        torch.testing.assert_close(first(magnitude), second(magnitude), atol=FLOAT32, rtol=0)


def test_wider_bins_read_the_sum_and_write_the_mean() -> None:
    fine, coarse = bank(), bank(n_fft=64, hop=32)
    change_resolution(coarse, fine)
    old, new = fine.nets["vocals"], coarse.nets["vocals"]
    assert new.fc1.weight.shape[1] == 2 * coarse.config.n_input_bins
    # Bin 5 of four times the width: bins 18.5 to 21.5 whole, and half of those on either side.
    shares = torch.tensor([0.5, 1, 1, 1, 0.5])
    torch.testing.assert_close(new.fc1.weight[:, 5], old.fc1.weight[:, 18:23] @ shares)
    torch.testing.assert_close(new.fc3.weight[5], shares @ old.fc3.weight[18:23] / 4)
    torch.testing.assert_close(new.fc3.weight[33 + 5], shares @ old.fc3.weight[129 + 18 : 129 + 23] / 4)
    torch.testing.assert_close(new.lstm.weight_hh_l0, old.lstm.weight_hh_l0)
    with torch.no_grad():
        assert torch.isfinite(coarse(torch.rand(5, 1, 2, 33))).all()


def bands(**changes: object) -> BandNetwork:
    torch.manual_seed(0)
    settings = {**FINE, "network": "bands", "n_fft": 1024, "hop": 256, "hidden": 8, "bandwidth_hz": 3000.0, **changes}
    return BandNetwork(SeparationNetworkConfig(**settings)).eval()  # type: ignore[arg-type]


def test_wider_bins_of_a_band_read_the_sum_and_write_the_mean() -> None:
    fine, coarse = bands(), bands(n_fft=256, hop=128)
    change_resolution(coarse, fine)
    # The second group: 12 bands of 6 bins, now of 1, two channels and two targets.
    old, new = fine.encoders[1].weight, coarse.encoders[1].weight
    torch.testing.assert_close(new, old.unflatten(1, (2, 6)).sum(2))
    old, new = fine.outer[1].weight, coarse.outer[1].weight
    torch.testing.assert_close(new, old.unflatten(2, (4, 6)).mean(3))
    torch.testing.assert_close(coarse.blocks[0].lstm.weight_hh_l0, fine.blocks[0].lstm.weight_hh_l0)
    with torch.no_grad():
        assert torch.isfinite(coarse(torch.rand(5, 1, 2, 129))).all()


def test_a_target_that_is_new_begins_as_half_of_other() -> None:
    fewer, more = bands(), bands(targets=("vocals", "bass", "other"))
    change_resolution(more, fewer)
    magnitude = torch.rand(7, 1, 2, 513)
    with torch.no_grad():
        old, new = fewer(magnitude), more(magnitude)
    torch.testing.assert_close(new[:, :, 0], old[:, :, 0], atol=FLOAT32, rtol=0)
    for part in (1, 2):
        torch.testing.assert_close(new[:, :, part], old[:, :, 1] / 2, atol=FLOAT32, rtol=0)


def test_the_same_window_gives_the_same_bands() -> None:
    first, second = bands(), bands()
    with torch.no_grad():
        for value in first.state_dict().values():
            value.add_(torch.rand_like(value))
    change_resolution(second, first)
    magnitude = torch.rand(7, 1, 2, 513)
    with torch.no_grad():
        assert torch.equal(first(magnitude), second(magnitude))


def test_mid_and_side_begin_with_what_left_and_right_did() -> None:
    """The mean of both masks for both; another window at the same time is taken as it would be without."""
    first, second, short = bands(), bands(stereo="mid-side"), bands(stereo="mid-side", n_fft=256, hop=128)
    with torch.no_grad():
        for value in first.state_dict().values():
            value.add_(torch.rand_like(value))
        change_resolution(second, first)
        change_resolution(short, first)
        spectra = torch.rand(7, 1, 2, 513, dtype=torch.complex64)
        logits = first.logits(spectra.abs(), None)[0].mean(3, keepdim=True)
        got = second.logits(input_magnitudes(second.config, swap_mid_side(spectra, 2)), None)[0]
        assert torch.isfinite(short(torch.rand(5, 1, 4, 129))).all()
    torch.testing.assert_close(got, logits.expand_as(got), atol=10 * FLOAT32, rtol=0)  # of sums of a thousand


def test_other_targets_or_widths_are_refused() -> None:
    with pytest.raises(ModelError, match="left and right"):
        change_resolution(bands(), bands(stereo="mid-side"))
    with pytest.raises(ModelError, match="hidden"):
        change_resolution(bank(hidden=8), bank())
    with pytest.raises(ModelError, match="targets"):
        change_resolution(bank(targets=("vocals", "drums")), bank())
    with pytest.raises(ModelError, match="network"):
        change_resolution(bank(), bands())
