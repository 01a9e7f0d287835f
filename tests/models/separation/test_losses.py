"""Each term of the losses against the paper's equations, worked out by hand or written out as they stand."""

from __future__ import annotations

from itertools import combinations
from math import sqrt

import numpy as np
import pytest
import torch

from models.separation.losses import (
    FLOOR_DB,
    allowed,
    combination_masks,
    mean_loss,
    multi_domain_loss,
    spectral_mse,
    spectral_snr,
    weighted_sdr,
)
from tests.tolerances import FLOAT32

EVERY_14 = combination_masks(4)


def test_four_targets_give_the_fourteen_combinations() -> None:
    got = {tuple(int(i) for i in row.nonzero().ravel()) for row in EVERY_14}
    assert got == {c for size in (1, 2, 3) for c in combinations(range(4), size)}
    assert len(EVERY_14) == 14
    assert combination_masks(4, combine=False).tolist() == torch.eye(4).tolist()
    assert combination_masks(1).tolist() == [[1.0]]


def test_equation_5_by_hand() -> None:
    """Two targets, one frame, one channel, two bins: errors (1, 2) and (0, -3)."""
    reference = torch.tensor([[1.0, 1.0], [2.0, 4.0]]).reshape(1, 1, 2, 1, 2)
    estimate = torch.tensor([[2.0, 3.0], [2.0, 1.0]]).reshape(1, 1, 2, 1, 2)
    masks = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    # (1 + 4) / 2, (0 + 9) / 2, and together ((1 + 0)^2 + (2 - 3)^2) / 2
    assert spectral_mse(reference, estimate, masks)[0].tolist() == pytest.approx([2.5, 4.5, 1.0], abs=FLOAT32)


@pytest.mark.parametrize("floor_db", [FLOOR_DB, -10.0])
def test_decibels_of_error_by_hand(floor_db: float) -> None:
    """A mixture of energy 25 = 3^2 + 4^2; errors of energy 1 and 4, one against the other in their sum."""
    reference = torch.tensor([[3.0, 0.0], [0.0, 4.0]]).reshape(1, 1, 2, 1, 2)
    estimate = torch.tensor([[4.0, 0.0], [-2.0, 4.0]]).reshape(1, 1, 2, 1, 2)
    masks = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    expected = [10 * np.log10(error / 25 + 10 ** (floor_db / 10)) for error in (1, 4, 1)]
    assert spectral_snr(reference, estimate, masks, floor_db)[0].tolist() == pytest.approx(expected, rel=1e-4)


def test_a_perfect_estimate_ends_at_the_floor_and_silence_is_a_number() -> None:
    some = torch.rand(3, 2, 2, 1, 5, generator=torch.Generator().manual_seed(0))
    for reference in (some, torch.zeros_like(some)):
        got = spectral_snr(reference, reference, torch.eye(2))
        assert got.flatten().tolist() == pytest.approx([FLOOR_DB] * 4, abs=1e-3)


def over_time(signals: torch.Tensor) -> torch.Tensor:
    """(target, sample) as (time, batch, target, sample), every second half to another instant."""
    return signals.unflatten(-1, (2, -1)).movedim(-2, 0)[:, None]


def test_equation_6_by_hand() -> None:
    """x1 = (3, 0), x2 = (0, 4), y = (3, 4); estimates (1, 1) and (0, 2)."""
    reference, estimate = torch.tensor([[3.0, 0], [0, 4]]), torch.tensor([[1.0, 1], [0, 2]])
    share_1, share_2 = 9 / 25, 16 / 25
    first = -share_1 * 1 / sqrt(2) - (1 - share_1) * (4 * 3) / (4 * sqrt(4 + 9))
    second = -share_2 * 1 - (1 - share_2) * (3 * 3) / (3 * sqrt(9 + 4))
    got = weighted_sdr(over_time(reference), over_time(estimate), combination_masks(2))[0]
    assert got.tolist() == pytest.approx([first, second], abs=FLOAT32)


def as_written(reference: np.ndarray, estimate: np.ndarray, members: tuple[int, ...]) -> float:
    """Equation (6) for one combination, in float64 and with the signals summed first."""
    y, x, x_hat = reference.sum(0), reference[list(members)].sum(0), estimate[list(members)].sum(0)
    rho = (x @ x) / (x @ x + (y - x) @ (y - x))
    cosine = lambda a, b: a @ b / np.linalg.norm(a) / np.linalg.norm(b)  # noqa: E731
    return -rho * cosine(x, x_hat) - (1 - rho) * cosine(y - x, y - x_hat)


def test_all_fourteen_equal_the_equations_as_written() -> None:
    rng = np.random.default_rng(0)
    gains = np.array([1, 0.3, 0.01, 2])[:, None]  # one source 46 dB below another
    reference = rng.standard_normal((4, 500)) * gains
    estimate = reference + 0.3 * rng.standard_normal((4, 500)) * gains
    signals = (over_time(torch.tensor(x).float()) for x in (reference, estimate))
    wsdr = weighted_sdr(*signals, EVERY_14)[0]
    spectra = (5, 1, 4, 2, 7)
    magnitude, guess = rng.random(spectra), rng.random(spectra)
    mse = spectral_mse(torch.tensor(magnitude).float(), torch.tensor(guess).float(), EVERY_14)[0]
    for row, got_wsdr, got_mse in zip(EVERY_14, wsdr.tolist(), mse.tolist(), strict=True):
        members = tuple(int(i) for i in row.nonzero().ravel())
        assert got_wsdr == pytest.approx(as_written(reference, estimate, members), abs=FLOAT32)
        error = (guess - magnitude)[:, :, list(members)].sum(2)
        assert got_mse == pytest.approx((error**2).mean(), rel=FLOAT32)


def test_equations_4_and_7() -> None:
    mse, wsdr = torch.tensor([[1.0, 3.0]]), torch.tensor([[-0.5, -1.0]])
    assert multi_domain_loss(mse, wsdr, alpha=10).tolist() == [[-4.0, -7.0]]
    assert float(mean_loss(multi_domain_loss(mse, wsdr, alpha=10))) == -5.5


def test_a_perfect_estimate_is_the_minimum() -> None:
    reference = torch.randn(300, 2, 4, 1, generator=torch.Generator().manual_seed(0))
    assert weighted_sdr(reference, reference.clone(), EVERY_14).max() == pytest.approx(-1, abs=FLOAT32)


def test_silent_sources_give_no_nan() -> None:
    estimate = torch.zeros(100, 1, 4, 2, requires_grad=True)
    loss = weighted_sdr(torch.zeros(100, 1, 4, 2), estimate, EVERY_14).sum()
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(estimate.grad).all()


def test_references_that_are_not_told_apart() -> None:
    """With bass inside other, only combinations that hold both or neither can judge."""
    merged = torch.tensor([[0, 0, 1, 1], [0, 0, 0, 0]])
    valid = allowed(EVERY_14, merged)
    both_or_none = EVERY_14[:, 2] == EVERY_14[:, 3]
    assert valid[0].tolist() == both_or_none.tolist()
    assert valid[0].sum() == 6
    assert valid[1].all()
    losses = torch.arange(28.0).reshape(2, 14)
    expected = (losses[0][both_or_none].mean() + losses[1].mean()) / 2
    assert float(mean_loss(losses, valid)) == pytest.approx(float(expected))
