"""The features of MATCH: shares of the energy that is new, in 84 bands."""

from __future__ import annotations

import numpy as np
import pytest

from offline.training.similarity.match_features import HOP_S, N_BANDS, _bands, energy_growth

RATE = 22050


def tone(hz: float, level: float = 0.3) -> np.ndarray:
    """Half a second of silence, then half a second of a tone."""
    t = np.arange(RATE) / RATE
    return (level * np.sin(2 * np.pi * hz * t) * (t >= 0.5)).astype(np.float32)


@pytest.mark.parametrize("hz", [110.0, 440.0, 3000.0])
def test_only_what_begins_is_there(hz: float) -> None:
    track = energy_growth(tone(hz), RATE)
    assert track.features.shape[1] == N_BANDS and track.hop_s == pytest.approx(HOP_S)
    at_s = track.seconds(np.arange(len(track.features)))
    grows = track.features.sum(axis=1)
    assert 0.47 < at_s[np.argmax(grows)] < 0.52  # a window of 46 ms sees the beginning
    steady = (at_s > 0.55) & (at_s < 0.95)
    assert grows.max() > 0.9 and grows[steady].max() < 0.02 and not grows[at_s < 0.45].any()
    assert grows.max() <= 1.0 + 1e-6


def test_the_level_does_not_matter() -> None:
    loud, soft = energy_growth(tone(440.0), RATE).features, energy_growth(tone(440.0, 0.03), RATE).features
    assert np.allclose(loud, soft, atol=1e-4)


def test_bands_are_bins_then_semitones() -> None:
    bands = _bands(513, RATE / 1024)
    assert (bands.sum(axis=1) == 1).all()
    band = bands.argmax(axis=1)
    assert band[:34].tolist() == list(range(34)) and (np.diff(band) >= 0).all() and band.max() < N_BANDS
    hz = np.arange(513) * RATE / 1024
    a4, a5 = (band[np.argmin(np.abs(hz - f))] for f in (880.0, 1760.0))
    assert a5 - a4 == 12
