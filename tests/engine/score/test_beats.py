"""Beats before the first note, where bars are counted in."""

from __future__ import annotations

import numpy as np
import pytest

from engine.score.beats import Beats, count_in

FOUR, THREE = 4, 3


def beats(first: float, length: int, *, n_bars: int = 3, beat: float = 1.0, upbeat: int = 0) -> Beats:
    """Bars of some beats from the downbeat at quarter `first` on, after an upbeat of some beats."""
    quarter = first + beat * np.arange(-upbeat, length * n_bars)
    return Beats(quarter, (np.arange(-upbeat, length * n_bars) % length == 0) & (quarter >= first))


@pytest.mark.parametrize(
    ("written", "bars", "expected"),
    [
        (beats(0, FOUR), 1, [-4, -3, -2, -1]),
        (beats(0, FOUR), 2, list(range(-8, 0))),
        (beats(0, FOUR), 0, []),
        (beats(1, FOUR, upbeat=1), 1, list(range(-7, 0))),
        (beats(0.5, THREE), 1, [-5.5, -4.5, -3.5, -2.5, -1.5, -0.5]),
        (beats(-1.5, FOUR), 1, [-5.5, -4.5, -3.5, -2.5, -1.5, -0.5]),
        (beats(0, 2, beat=1.5), 1, [-3, -1.5]),
        (beats(0, FOUR, n_bars=1), 1, [-4, -3, -2, -1]),
    ],
    ids=["a bar", "two bars", "none", "an upbeat", "an upbeat off the beat", "after a rest", "6/8", "one bar in all"],
)
def test_bars_are_counted_up_to_the_first_note(written: Beats, bars: int, expected: list[float]) -> None:
    counted = count_in(written, bars)
    assert counted.quarter.tolist() == pytest.approx(expected)
    downbeats = written.quarter[written.first][0] - counted.quarter[counted.first]
    length = np.diff(written.quarter[written.first])[0] if written.first.sum() > 1 else len(written.quarter)
    assert np.allclose(downbeats / length % 1, 0), "first beats lie a whole number of bars before the first bar"
    assert bars == 0 or counted.first[0], "the count begins with a first beat"
