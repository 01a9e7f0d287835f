"""When a sound is there: the unit of labels, detections and their comparison."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Interval"]


class Interval(NamedTuple):
    """An event: onset and offset in seconds, and its label."""

    onset_s: float
    offset_s: float
    label: str
