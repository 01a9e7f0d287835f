"""Systems keep pace: what is written in time is not late, and every system that ships is in time at 240 a minute."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from offline.generation.cards import find_weights
from offline.generation.config import GeneratorConfig
from offline.generation.open_system import open_generator
from offline.generation.pace import pace_of
from offline.generation.stream import Segment
from offline.generation.systems import names_where

PLAYED = names_where(lambda system: not system.sound and find_weights(system.weights) is not None)


class Bars:
    """A bar at a time, with a note; its clock says what each costs."""

    names, steps, steps_per_quarter, percussion, metre = ("x",), 16, 4, False, (4, 4)

    def __init__(self, *costs: float) -> None:
        self.costs, self.now = itertools.cycle(costs), 0.0

    def next(self, given: np.ndarray) -> Segment:
        """Write a bar."""
        self.now += next(self.costs)
        return Segment(n_steps=16, changes=((0, 0, 60, 80), (4, 0, 60, 0)))


def pace(bars: Any) -> Any:
    return pace_of(bars, bars=8, tempo_bpm=120, now=lambda: bars.now)


def test_a_bar_is_late_that_takes_longer_than_one_plays() -> None:
    assert (pace(Bars(1.5)).late, pace(Bars(2.5)).late) == (0, 7)
    assert pace(Bars(1.5)).slack_s == pytest.approx(0.5)
    assert pace(Bars(1.0, 1.0, 1.0, 2.5)).late == 2
    assert pace(Bars(1.0)).busy == pytest.approx(7 / 16)


@pytest.mark.slow
@pytest.mark.parametrize("name", PLAYED)
def test_every_system_writes_24_bars_at_240_in_time(name: str) -> None:
    found = pace_of(open_generator(name, GeneratorConfig(seed=1)), bars=24, tempo_bpm=240)
    assert found.late == 0
