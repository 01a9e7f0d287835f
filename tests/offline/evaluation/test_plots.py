"""What pictures say beside the curves."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.core.events import Position
from offline.evaluation.onsets import PositionTrack
from offline.evaluation.plots import bars_of, draw_track


def position(quarter: float, bar: int) -> Position:
    return Position(at=0, emitted_at=0, quarter=quarter, bar=bar, score_s=0.0, tempo_bpm=60.0, confidence=0.5)


def test_bars_are_where_they_were_first_reached() -> None:
    reached = [(0.0, 1), (2.0, 1), (4.0, 2), (8.1, 3), (0.0, 1), (4.0, 2)]  # back to the beginning after bar 3
    quarters, numbers = bars_of([position(quarter, bar) for quarter, bar in reached])
    assert quarters.tolist() == [0.0, 4.0, 8.1] and numbers.tolist() == [1, 2, 3]


def test_a_picture_takes_confidence_and_bars(tmp_path: Path) -> None:
    at_s = np.linspace(0, 4, 40)
    track = PositionTrack(at_s, 2 * at_s, np.full(40, 0.7))
    path = tmp_path / "path.png"
    draw_track(path, recordings=[], track=track, bars=(np.array([0.0, 4.0]), np.array([1, 2])))
    assert path.read_bytes().startswith(b"\x89PNG")
