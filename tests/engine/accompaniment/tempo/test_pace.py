"""The soloist's pace: smooth, not moved by stops, and never stuck at an error."""

from __future__ import annotations

import pytest

from engine.accompaniment.tempo.pace import Pace


def test_a_first_step_that_is_an_error_is_forgotten() -> None:
    pace = Pace(2.0)
    pace.take(0.41, 0.06)  # three notes were taken for heard at once
    for _ in range(3):
        pace.take(0.14, 0.29)
    assert pace.ratio == pytest.approx(0.29 / 0.14)


def test_stops_are_no_pace_however_many() -> None:
    pace = Pace(2.0)
    pace.take(0.5, 0.5)
    for stop_s in (4.0, 12.0, 2.0, 30.0, 5.0):
        pace.take(0.5, stop_s)
    assert pace.ratio == 1.0


def test_odd_steps_between_right_ones_do_not_add_up() -> None:
    pace = Pace(2.0)
    pace.take(0.5, 0.5)
    for _ in range(5):
        pace.take(0.5, 2.0)
        pace.take(0.5, 0.5)
    assert pace.ratio == pytest.approx(1.0)
