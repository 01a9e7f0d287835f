"""The Wiener filter over whole files: what it must do to sources whose places are known."""

from __future__ import annotations

import numpy as np
import pytest

from offline.separation.expectation_maximisation import wiener_whole


def placed(seed: int = 0, n: int = 60, n_bins: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Two sources (frame, target, channel, bin) at two places, and their sum."""
    rng = np.random.default_rng(seed)
    places = np.array([[1.0, 0.2], [0.3, 1.0]], np.float32)
    loudness = rng.exponential(1, (n, 2, 1, n_bins))
    signals = loudness * (rng.standard_normal((n, 2, 1, n_bins)) + 1j * rng.standard_normal((n, 2, 1, n_bins)))
    stems = (signals * places[None, :, :, None]).astype(np.complex64)
    return stems, stems.sum(axis=1)


def error(wanted: np.ndarray, got: np.ndarray) -> float:
    return float(np.sum(np.abs(wanted - got) ** 2) / np.sum(np.abs(wanted) ** 2))


def test_places_tell_sources_apart_that_masks_mix() -> None:
    """Two sources in two channels: given their places, a filter can all but invert the mixing; masks cannot."""
    stems, mixture = placed()
    mixed = 0.8 * stems + 0.2 * stems[:, ::-1]
    refined = wiener_whole(mixed.astype(np.complex64), mixture)
    assert refined.dtype == np.complex64
    assert error(stems, refined) < 0.7 * error(stems, mixed)


def test_the_stems_sum_to_the_mixture() -> None:
    stems, mixture = placed()
    refined = wiener_whole(500 * stems, 1000 * mixture, iterations=2)
    assert error(1000 * mixture, refined.sum(axis=1)) < 1e-3


@pytest.mark.parametrize("scale", [0.0, 1.0])
def test_nothing_to_do_leaves_the_stems(scale: float) -> None:
    stems, mixture = placed()
    stems = (scale * stems).astype(np.complex64)
    np.testing.assert_allclose(wiener_whole(stems, scale * mixture, iterations=0), stems, rtol=1e-6)
    assert np.isfinite(wiener_whole(stems, scale * mixture)).all()


def test_it_is_the_formula_frame_by_frame() -> None:
    """Equations (5) to (10) by loops over frames, bins and targets."""
    stems, mixture = placed(n=5, n_bins=2)
    got = wiener_whole(stems, mixture)
    eps = 1e-10
    for b in range(2):
        y, x = stems[..., b].astype(complex), mixture[..., b].astype(complex)
        scale = max(1.0, np.abs(mixture).max() / 10)
        y, x = y / scale, x / scale
        v = (np.abs(y) ** 2).mean(2)
        r = [sum(np.outer(y[n, t], y[n, t].conj()) for n in range(5)) / (eps + v[:, t].sum()) for t in range(2)]
        for n in range(5):
            whole = sum(v[n, t] * r[t] for t in range(2)) + np.sqrt(eps) * np.eye(2)
            for t in range(2):
                wanted = v[n, t] * r[t] @ np.linalg.inv(whole) @ x[n] * scale
                np.testing.assert_allclose(got[n, t, :, b], wanted, rtol=1e-2, atol=1e-3)
