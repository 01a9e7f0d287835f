"""The streaming Wiener filter against its equations in float64, on sources whose places are known, and for hours."""

from __future__ import annotations

import numpy as np
import pytest

from engine.core.errors import ConfigError
from engine.separation.config import WienerConfig
from engine.separation.kam import LOADING
from tests.cases.wiener import stems, wiener
from tests.tolerances import EXPORT


def written_out(given: np.ndarray, *, alpha: float, posterior: bool) -> np.ndarray:
    """Duong et al. (2010), frame by frame, with numpy's inverse."""
    _, n_targets, n_channels, n_bins = given.shape
    covariance = np.tile(np.eye(n_channels, dtype=complex), (n_targets, n_bins, 1, 1))
    out = np.zeros(given.shape, complex)
    for t, frame in enumerate(given.astype(complex)):
        mixture, power = frame.sum(axis=0).T, (np.abs(frame) ** 2).mean(axis=1)
        model = (1 - LOADING) * covariance + LOADING * np.eye(n_channels)
        model = (power / power.sum(axis=0))[:, :, None, None] * model
        gain = model @ np.linalg.inv(model.sum(axis=0))
        estimate = np.einsum("jkab,kb->jka", gain, mixture)
        moment = np.einsum("jka,jkb->jkab", estimate, estimate.conj()) / power.sum(axis=0)[:, None, None]
        if posterior:
            moment += model - gain @ model
        trace = np.trace(moment, axis1=2, axis2=3).real[:, :, None, None]
        covariance = (1 - alpha) * covariance + alpha * n_channels * moment / trace
        out[t] = estimate.transpose(0, 2, 1)
    return out


@pytest.mark.parametrize("n_channels", [1, 2, 3])
@pytest.mark.parametrize(("posterior", "n_frames"), [(True, 60), (False, 12)])
def test_equals_the_equations(n_channels: int, posterior: bool, n_frames: int) -> None:
    """Without the posterior covariances soon have rank one, and rounding grows: fewer frames there."""
    given = stems(n_channels)[:n_frames]
    got = wiener(n_channels, forgetting=0.2, posterior=posterior).process(given)
    expected = written_out(given, alpha=0.2, posterior=posterior)
    assert np.abs(got - expected).max() <= EXPORT * expected.std()


def places(n_frames: int = 400) -> np.ndarray:
    """Two sources far left and far right, (frame, target, channel, bin)."""
    rng = np.random.default_rng(1)
    noise = rng.standard_normal((n_frames, 2, 33)) + 1j * rng.standard_normal((n_frames, 2, 33))
    pan = np.array([[1.0, 0.1], [0.1, 1.0]])
    return (noise[:, :, None] * pan[None, :, :, None]).astype(np.complex64)


def leaking(given: np.ndarray) -> np.ndarray:
    """Estimates with the wrong share of the mixture: each takes a third of the other."""
    return np.stack([given[:, 0] * 2 / 3 + given[:, 1] / 3, given[:, 0] / 3 + given[:, 1] * 2 / 3], axis=1)


def error_db(estimate: np.ndarray, truth: np.ndarray) -> float:
    return float(10 * np.log10((np.abs(estimate - truth) ** 2).sum() / (np.abs(truth) ** 2).sum()))


def test_sources_in_different_places_are_told_apart() -> None:
    """What a mask on magnitudes cannot: sources that overlap in every bin."""
    truth = places()
    before = leaking(truth)
    after = wiener(2, 2).process(before)
    assert error_db(after[100:], truth[100:]) < error_db(before[100:], truth[100:]) - 6


def test_a_silent_target_keeps_its_place() -> None:
    """With the posterior, what a target is not heard in teaches it next to nothing; without, it forgets its place."""
    truth = places(600)
    given = leaking(truth)
    pause = slice(300, 400)
    given[pause, 0] = 1e-3 * truth[pause, 1]
    given[pause, 1] = (1 - 1e-3) * truth[pause, 1]
    errors = {}
    for posterior in (True, False):
        node = wiener(2, 2, posterior=posterior)
        node.process(given[:400])
        errors[posterior] = error_db(node.process(given[400:410]), truth[400:410])
    assert errors[True] < errors[False] - 3


def test_state_stays_sound_through_hours_of_anything() -> None:
    """After long silence, extreme levels and a start in the middle it soon separates as if newly started."""
    node, fresh, truth = wiener(2, 2), wiener(2, 2), places()
    for level in (0.0, 1e6, 1e-30, 1e-12, 1.0):
        for seed in range(40):
            given = np.random.default_rng(seed).standard_normal((400, 2, 2, 33)).astype(np.complex64)
            node.process(given * np.float32(level))
    expected = error_db(fresh.process(leaking(truth))[-100:], truth[-100:])
    assert error_db(node.process(leaking(truth))[-100:], truth[-100:]) < expected + 0.5


def test_refuses_other_settings() -> None:
    with pytest.raises(ConfigError, match="forgetting"):
        WienerConfig(forgetting=0)
    with pytest.raises(ConfigError, match="posterior"):
        WienerConfig(posterior=1)  # type: ignore[arg-type]
