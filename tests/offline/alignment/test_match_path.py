"""The path of MATCH: the cheapest one through the cells that the online search visited, found by a slow twin."""

from __future__ import annotations

import numpy as np
import pytest

from engine.following.warping.config import WarpConfig
from engine.following.warping.online_warping import warp_numbers, warp_online
from offline.alignment.match_path import match_path
from tests.engine.following.warping.test_online_warping import PaperWarping, played, walk
from tests.tolerances import FLOAT32

FRAME_S = 1.0 / 12
CONFIG = WarpConfig(
    band_s=1.0, start_s=0.25, diagonal=2.0, again_s=0.0
)  # as the slow twin of the search has it: 12 frames


def visited(reference: np.ndarray, live: np.ndarray) -> PaperWarping:
    """Run the search, then compare the last frames with the rest of the reference."""
    slow = PaperWarping(reference, warp_numbers(CONFIG, FRAME_S)[0])
    for row in live:
        slow.take(row)
    while slow.j + 1 < len(reference):
        slow._column()
    return slow


def cost_of(path: np.ndarray, reference: np.ndarray, live: np.ndarray) -> float:
    """A diagonal step costs twice its cell."""
    distances = np.linalg.norm(reference[path[:, 0]] - live[path[:, 1]], axis=1)
    weights = np.append(1, np.diff(path, axis=0).sum(axis=1))
    return float((weights * distances).sum())


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_cheapest_path_through_what_was_visited(seed: int) -> None:
    reference, rng = walk(80, seed), np.random.default_rng(seed)
    live = played(reference, np.cumsum(rng.uniform(0.3, 1.7, 90)))
    live += 0.2 * rng.standard_normal(live.shape).astype(np.float32)
    path = match_path(reference, live, CONFIG, FRAME_S)
    steps = np.diff(path, axis=0)
    assert path[0].tolist() == [0, 0] and path[-1].tolist() == [79, 89]
    assert ((steps >= 0) & (steps <= 1)).all() and (steps.sum(axis=1) > 0).all()
    cost = visited(reference, live).cost
    assert all((t, j) in cost for j, t in path.tolist())
    assert cost_of(path, reference, live) == pytest.approx(cost[89, 79], rel=FLOAT32)


def test_what_comes_later_mends_the_path() -> None:
    """Where frames are alike or noisy the search is wrong as it goes; read back from the end, the path is right."""
    reference = walk(400, 3)
    reference[60:90] = reference[60]
    places = np.concatenate([np.arange(0, 60), np.full(25, 60), np.arange(60, 400)])
    live = played(reference, places)
    live[62:84] += 2.0 * np.random.default_rng(0).standard_normal((22, 3)).astype(np.float32)
    config = WarpConfig(band_s=8.0, diagonal=2.0, again_s=0.0)
    told = warp_online(live, reference, *warp_numbers(config, FRAME_S)).met
    path = match_path(reference, live, config, FRAME_S)
    read = path[np.unique(path[:, 1], return_index=True)[1], 0]
    assert np.abs(read - places)[85:].mean() < 0.5 * np.abs(told - places)[85:].mean()


@pytest.mark.parametrize("pace", [0.1, 6.0])
def test_sequences_of_any_lengths_have_a_path(pace: float) -> None:
    """Even where one ends long before the search is there."""
    reference = walk(120, 1)
    live = played(reference, np.arange(0, 119, pace))
    path = match_path(reference, live, CONFIG, FRAME_S)
    assert path[0].tolist() == [0, 0] and path[-1].tolist() == [119, len(live) - 1]
