"""From coarse to fine: the exact path where the music leads to it, at a cost that grows with the length."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from engine.core.errors import ConfigError, ShapeError
from offline.alignment.dtw.exact import DtwConfig, warp
from offline.alignment.dtw.multiscale import MultiscaleConfig, shorten, warp_multiscale
from tests.tolerances import FLOAT32

SMALL = MultiscaleConfig(n_exact=1 << 14)  # three or four scales for what follows

Features = npt.NDArray[np.float32]


def music(n: int, seed: int, hold: int = 8) -> Features:
    """Chroma that holds for a while and then changes, with a little noise."""
    rng = np.random.default_rng(seed)
    notes = rng.random((n // hold + 1, 12)) ** 4
    return (notes.repeat(hold, axis=0)[:n] + 0.02 * rng.random((n, 12))).astype(np.float32)


def played(reference: Features, seed: int) -> tuple[Features, npt.NDArray[np.int64]]:
    """The same at tempi that wander between half and twice, and which reference frame each frame is."""
    rng = np.random.default_rng(seed)
    tempo = 2 ** np.sin(rng.uniform(0, 6) + np.arange(4 * len(reference)) / 300)
    frames = np.cumsum(tempo).astype(np.int64)
    frames = frames[frames < len(reference)]
    noise = 0.02 * rng.random((len(frames), 12)).astype(np.float32)
    return reference[frames] + noise, frames


@pytest.mark.parametrize("metric", ["cosine", "euclidean", "cityblock"])
def test_the_path_is_the_exact_one(metric: str) -> None:
    reference = music(3000, 0)
    live, _ = played(reference, 1)
    config = DtwConfig(metric=metric)
    assert warp_multiscale(reference, live, config, SMALL).cost == pytest.approx(
        warp(reference, live, config).cost, rel=FLOAT32
    )


def test_an_excerpt_is_found() -> None:
    reference = music(4000, 2, hold=32)  # the coarsest scale must still tell places apart
    live, frames = played(reference[1500:2500], 3)
    config = DtwConfig(open_begin="longer", open_end="longer")
    path = warp_multiscale(reference, live, config, SMALL).path
    assert abs(path[0, 0] - 1500 - frames[0]) <= 8 and path[0, 1] == 0
    assert abs(path[-1, 0] - 1500 - frames[-1]) <= 8 and path[-1, 1] == len(live) - 1


def test_a_short_piece_is_warped_at_once() -> None:
    reference = music(100, 4)
    live, _ = played(reference, 5)
    found, exact = warp_multiscale(reference, live), warp(reference, live)
    assert np.array_equal(found.path, exact.path) and found.cost == exact.cost


def test_very_different_lengths_do() -> None:
    reference, live = music(6000, 6), music(5, 7)
    found = warp_multiscale(reference, live, None, MultiscaleConfig(n_exact=1, radius=1))
    assert found.path[0].tolist() == [0, 0] and found.path[-1].tolist() == [5999, 4]


def test_the_settings_of_the_finest_scale_hold() -> None:
    features = music(2000, 8)
    found = warp_multiscale(features, np.roll(features, 10, axis=0), DtwConfig(radius=5), SMALL)
    assert np.abs(np.diff(found.path, axis=1)).max() < 5


def test_frames_are_shortened_by_their_means() -> None:
    features = np.arange(14, dtype=np.float32).reshape(7, 2)
    assert shorten(features, 3).tolist() == [[2, 3], [8, 9], [12, 13]]


def test_what_is_wrong_is_told() -> None:
    with pytest.raises(ShapeError, match="reference"):
        warp_multiscale(music(10, 0)[:0], music(10, 0))
    with pytest.raises(ConfigError, match="factor"):
        MultiscaleConfig(factor=1)
