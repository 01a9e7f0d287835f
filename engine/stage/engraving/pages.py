"""What an engraver gives: pages of bars, and where on them every onset of the score is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from engine.core.config import Settings, choice, ranged
from engine.score.score import SAME_ONSET, Score

__all__ = ["EngravedOnset", "EngravedPage", "PageLayout", "Pages", "PrintedPlaces", "engraved_pages"]

DIGITS = 6  # of a quarter in JSON
NOWHERE = -1

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageLayout(Settings):
    """How music is cut into pages: their size on the screen, and that of the music."""

    width: int = ranged(820, 200, 8000, "width of a page", unit="px")
    height: int = ranged(1116, 200, 8000, "height of a page", unit="px")
    scale: int = ranged(40, 10, 200, "size of the music: at 40 a staff is 29 px high", unit="%")
    breaks: str = choice(
        "auto",
        ("auto", "encoded", "none"),
        "where systems and pages end: where they are full, as printed, or nowhere, on a page as large as the music",
    )


class PrintedPlaces(NamedTuple):
    """Where the notes of a file are printed.

    note_bar: (note of the file) index of the bar that holds it, -1 for what is not in the Score (rests, cues)
    note_quarter: (note of the file) quarters from the beginning of the print, every bar once
    bar_number: (bar) printed number
    """

    note_bar: Ints
    note_quarter: Floats
    bar_number: Ints


class EngravedOnset(NamedTuple):
    """An onset as it is played.

    quarter: of the Score
    printed_quarter: from the beginning of the print, every bar once
    page: counted from 1
    notes: numbers of its notes, whose ids in the SVG are `cp` and the number
    """

    quarter: float
    printed_quarter: float
    page: int
    notes: tuple[int, ...]


class EngravedPage(NamedTuple):
    """The printed numbers of the first and last bar of a page."""

    first_bar: int
    last_bar: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """A score engraved in one layout.

    key: names the layout of this score, for `Engraver.svg`
    onsets: every distinct onset of the whole score, as played
    followed: numbers of the notes that are followed; None where all are
    """

    key: str
    layout: PageLayout
    pages: tuple[EngravedPage, ...]
    onsets: tuple[EngravedOnset, ...]
    followed: tuple[int, ...] | None = None

    @property
    def n_pages(self) -> int:
        """Return the number of pages."""
        return len(self.pages)

    def json(self) -> dict[str, Any]:
        """Return what the page in the browser needs, as plain values."""
        return {
            "layout": self.key,
            "n_pages": self.n_pages,
            "page_w": self.layout.width,
            "page_h": self.layout.height,
            "onsets": [
                [round(each.quarter, DIGITS), round(each.printed_quarter, DIGITS), each.page, list(each.notes)]
                for each in self.onsets
            ],
            "pages": [{"bars": list(page)} for page in self.pages],
            "followed": None if self.followed is None else list(self.followed),
        }


def engraved_pages(
    key: str, layout: PageLayout, places: PrintedPlaces, bar_page: Ints, scores: tuple[Score, Score]
) -> Pages:
    """Return the pages of a score.

    bar_page: (bar) page that it is on, from 1
    scores: the one that is followed, and that of all parts
    """
    followed, whole = scores
    own = None
    if followed is not whole:
        own = tuple(int(number) for number in np.unique(followed.note_id))
    return Pages(
        key=key,
        layout=layout,
        pages=_pages(places.bar_number, bar_page),
        onsets=_onsets(places, bar_page, whole),
        followed=own,
    )


def _pages(bar_number: Ints, bar_page: Ints) -> tuple[EngravedPage, ...]:
    rows = []
    for page in range(1, int(bar_page.max(initial=0)) + 1):
        on_it = bar_number[bar_page == page]
        rows.append(EngravedPage(int(on_it[0]), int(on_it[-1])))
    return tuple(rows)


def _onsets(places: PrintedPlaces, bar_page: Ints, score: Score) -> tuple[EngravedOnset, ...]:
    """Return a row an onset; its place is that of the first of its notes in the print."""
    group = np.searchsorted(score.onset_quarter, score.note_quarter + SAME_ONSET, side="right") - 1
    bounds = np.searchsorted(group, np.arange(len(score.onset_quarter) + 1))
    rows = []
    for i, quarter in enumerate(score.onset_quarter.tolist()):
        numbers = np.unique(score.note_id[bounds[i] : bounds[i + 1]])
        first = numbers[np.argmin(places.note_quarter[numbers])]
        page = int(bar_page[places.note_bar[first]])
        rows.append(EngravedOnset(quarter, float(places.note_quarter[first]), page, tuple(numbers.tolist())))
    return tuple(rows)
