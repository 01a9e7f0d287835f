"""What the session's process and the engraving process say to each other, pickled."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.core.errors import EngineError
from engine.stage.engraving.pages import PageLayout, PrintedPlaces

__all__ = ["AskPage", "AskPlaces", "CutPages", "Doing", "FinishedPage", "Request", "Unengraved"]


class AskPlaces(NamedTuple):
    """Take this score, make its printed copy, and say where its notes are printed: answered by PrintedPlaces.

    first_bars: leave all later bars out; None for none
    """

    where: str
    data: bytes
    first_bars: int | None = None


class CutPages(NamedTuple):
    """Lay the score out: answered by the page of each bar, from 1."""

    layout: PageLayout


class AskPage(NamedTuple):
    """Give a page of the layout at hand: answered by a FinishedPage."""

    number: int


Request = AskPlaces | CutPages | AskPage


class FinishedPage(NamedTuple):
    """A page as gzipped SVG, asked for or rendered in advance."""

    layout: PageLayout
    number: int
    packed: bytes
    asked: bool = True


class Doing(NamedTuple):
    """What has begun: it leads from one fraction of the work to another, in about so many seconds."""

    what: str
    start: float
    stop: float
    expected_s: float


class Unengraved(NamedTuple):
    """Why a request failed."""

    error: EngineError


Answer = PrintedPlaces | npt.NDArray[np.int64] | FinishedPage | Unengraved
