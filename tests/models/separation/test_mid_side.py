"""The turn to mid and side: its own inverse, of the same energy, and what is heard on both sides of it."""

from __future__ import annotations

import torch

from models.separation.mid_side import heard, turned
from models.separation.network import UnmixConfig
from tests.tolerances import FLOAT32

WIDE = UnmixConfig(network="bands", stereo="mid-side", n_fft=256, hop=64)


def test_turning_twice_is_nothing_and_keeps_the_energy() -> None:
    values = torch.randn(3, 2, 50, generator=torch.Generator().manual_seed(0))
    once = turned(values, 1)
    torch.testing.assert_close(turned(once, 1), values, atol=FLOAT32, rtol=0)
    torch.testing.assert_close(once.square().sum(1), values.square().sum(1), atol=10 * FLOAT32, rtol=0)


def test_what_is_in_the_middle_has_no_side() -> None:
    one = torch.randn(4, 1, 1, 129, dtype=torch.complex64)
    both = torch.cat([one, one], 2)
    mid, side, left, right = heard(WIDE, turned(both, 2)).unbind(2)
    assert not side.any()
    torch.testing.assert_close(mid, left * 2**0.5)
    torch.testing.assert_close(left, right)


def test_left_and_right_are_heard_as_they_are() -> None:
    spectra = torch.randn(4, 1, 2, 129, dtype=torch.complex64)
    assert torch.equal(heard(UnmixConfig(n_fft=256, hop=64), spectra), spectra.abs())
