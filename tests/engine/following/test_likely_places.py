"""Where the music may be while the follower is lost: the likeliest distant paths, apart from each other."""

from __future__ import annotations

import numpy as np

from engine.following.search.beam_search import DEAD
from engine.following.search.jump_detector import jump_numbers, likely_places, new_jump_detector, restart_jump_detector


def places(standing: dict[int, float], place: int, steps: int = 5) -> list[int]:
    """The events found, of paths with these log likelihoods."""
    detector = new_jump_detector(40)
    restart_jump_detector(detector)
    for event, nats in standing.items():
        detector.standing[event], detector.steps[event] = nats, steps
    detector.best[0] = max(standing, key=lambda event: standing[event])
    out = np.full(2, -1.0)
    likely_places(detector, place, jump_numbers(0.01), out)
    return out.astype(int).tolist()


def test_the_likeliest_two_away_from_the_place_and_from_each_other() -> None:
    assert places({10: -1.0, 12: -0.5, 20: -3.0, 30: -4.0, 5: 0.0}, place=5) == [12, 20]
    assert places({10: -1.0, 11: -2.0}, place=30) == [10, 0]


def test_what_is_unlikely_or_has_only_begun_is_no_place() -> None:
    assert places({10: 0.0, 25: -100.0}, place=1) == [10, 0]
    assert places({10: 0.0, 25: DEAD}, place=10) == [0, 0]
    assert places({10: 0.0}, place=30, steps=1) == [0, 0]
