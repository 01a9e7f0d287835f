"""Define the labelled time interval, the unit of labels, detections and their comparison."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Interval"]


class Interval(NamedTuple):
    """An event.

    onset_s, offset_s: seconds
    label: its class
    """

    onset_s: float
    offset_s: float
    label: str
