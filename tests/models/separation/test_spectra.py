"""The training transforms against the live ones, their adjoint against autograd's, and mid and side."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.core.errors import ConfigError
from engine.core.format import AudioFormat, FrameFormat
from engine.dsp.stft import Stft
from models.separation.config import SeparationNetworkConfig
from models.separation.spectra import Transform, input_magnitudes, swap_mid_side
from tests.tolerances import FLOAT32

WIDE = SeparationNetworkConfig(network="bands", stereo="mid-side", n_fft=256, hop=64)
SETTINGS = [(64, 16, "hann"), (64, 32, "sine"), (48, 12, "hann")]


@pytest.mark.parametrize(("n_fft", "hop", "name"), SETTINGS)
def test_spectra_are_those_of_the_live_engine(n_fft: int, hop: int, name: str) -> None:
    audio = np.random.default_rng(0).standard_normal((20 * hop, 2)).astype(np.float32)
    live = Stft(FrameFormat(audio=AudioFormat(sample_rate=44100, n_channels=2), n_fft=n_fft, hop=hop), window=name)
    expected = live.process(audio)[n_fft // hop - 1 :]  # frames before need silence ahead of the first sample
    got = Transform(n_fft, hop, name).spectra(torch.from_numpy(audio.T.copy())).numpy()
    assert np.abs(got - expected).max() <= FLOAT32 * expected.std()


@pytest.mark.parametrize(("n_fft", "hop", "name"), SETTINGS)
def test_there_and_back(n_fft: int, hop: int, name: str) -> None:
    transform = Transform(n_fft, hop, name)
    audio = torch.randn(3, 2, 20 * hop, generator=torch.Generator().manual_seed(0))
    back = transform.samples(transform.spectra(audio))
    assert back.shape == transform.inner(audio).shape
    assert (back - transform.inner(audio)).abs().max() <= FLOAT32


@pytest.mark.parametrize(("n_fft", "hop", "name"), SETTINGS)
def test_gradient_of_the_masks_equals_autograd(n_fft: int, hop: int, name: str) -> None:
    transform = Transform(n_fft, hop, name)
    mixture = transform.spectra(torch.randn(2, 1, 12 * hop, generator=torch.Generator().manual_seed(0)))
    masks = torch.rand(len(mixture), 2, 3, 1, n_fft // 2 + 1, requires_grad=True)
    target = torch.randn_like(transform.inner(torch.zeros(2, 3, 1, 12 * hop)))
    written = torch.autograd.grad((transform.masked_samples(masks, mixture) * target).sum(), masks)[0]
    frames = torch.fft.irfft(masks * mixture[:, :, None], n=n_fft) * transform.synthesis
    n = len(target)
    pieces = frames.unflatten(-1, (transform.overlap, hop))
    plain = sum(pieces[transform.overlap - 1 - k :][:n, ..., k, :] for k in range(transform.overlap))
    automatic = torch.autograd.grad((plain * target).sum(), masks)[0]
    assert (written - automatic).abs().max() <= FLOAT32 * automatic.std()


def test_refuses_a_hop_that_does_not_fit() -> None:
    with pytest.raises(ConfigError, match="hop"):
        Transform(64, 24)


def test_turning_twice_is_nothing_and_keeps_the_energy() -> None:
    values = torch.randn(3, 2, 50, generator=torch.Generator().manual_seed(0))
    once = swap_mid_side(values, 1)
    torch.testing.assert_close(swap_mid_side(once, 1), values, atol=FLOAT32, rtol=0)
    torch.testing.assert_close(once.square().sum(1), values.square().sum(1), atol=10 * FLOAT32, rtol=0)


def test_what_is_in_the_middle_has_no_side() -> None:
    one = torch.randn(4, 1, 1, 129, dtype=torch.complex64)
    both = torch.cat([one, one], 2)
    mid, side, left, right = input_magnitudes(WIDE, swap_mid_side(both, 2)).unbind(2)
    assert not side.any()
    torch.testing.assert_close(mid, left * 2**0.5)
    torch.testing.assert_close(left, right)


def test_left_and_right_go_in_as_they_are() -> None:
    spectra = torch.randn(4, 1, 2, 129, dtype=torch.complex64)
    assert torch.equal(input_magnitudes(SeparationNetworkConfig(n_fft=256, hop=64), spectra), spectra.abs())
