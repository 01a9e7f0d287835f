"""Engrave scores in a process of their own, and keep what has been engraved."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from types import TracebackType
from typing import Any, TypeVar

import numpy as np

from engine.core.errors import EngineError
from engine.score.score import Score
from engine.stage.engraving.cache import EngravedCache
from engine.stage.engraving.child_link import ChildEnded, EngravingLink, Progress
from engine.stage.engraving.messages import AskPage, AskPlaces, CutPages, FinishedPage
from engine.stage.engraving.pages import PageLayout, Pages, PrintedPlaces, engraved_pages

__all__ = ["Engraver", "verovio_release"]

T = TypeVar("T")
PACKAGE = "verovio"
TRIES = 2  # processes that may end over one request
WHERE = "engraver"


class Engraver:
    """Turn scores into pages of SVG. Thread-safe; every call waits until it is done; `close` ends those that wait."""

    def __init__(self, cache: EngravedCache | None = None) -> None:
        self._cache = cache or EngravedCache()
        self._lock = threading.Lock()  # one request at a time
        self._state = threading.Lock()  # what several threads look at; held for moments
        self._link: EngravingLink | None = None
        self._closed = False
        self._data, self._score_key = b"", ""
        self._scores: tuple[Score, Score] | None = None
        self._places: PrintedPlaces | None = None
        self._has_read = False  # whether the process has the score
        self._at_hand: PageLayout | None = None  # what it has laid out
        self._layouts: dict[str, tuple[PageLayout, int]] = {}  # and the number of pages

    def __enter__(self) -> Engraver:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def load(self, data: bytes, score: Score, whole: Score | None = None, on_progress: Progress | None = None) -> None:
        """Take a score in place of the last one; EngineError, in one line, if it cannot be read.

        data: the bytes of the file, or of its printed copy
        score: that of the parts that are followed; whole: that of all parts, if it is another
        """
        release = verovio_release()
        with self._lock:
            if self._at_hand is not None:  # a fresh one has all of its memory
                self._end_process()
            self._has_read = False
            self._data, self._scores = data, (score, whole or score)
            self._score_key = self._cache.key(release.encode(), data)
            self._places, self._layouts = self._cache.places(self._score_key), {}
            if self._places is None:
                self._places = self._tried(lambda: self._read(on_progress))
                self._cache.keep_places(self._score_key, self._places)

    def lay_out(self, layout: PageLayout | None = None, on_progress: Progress | None = None) -> Pages:
        """Return the pages of the score that was loaded last; the first is ready then, the others follow."""
        layout = layout or PageLayout()
        with self._lock:
            if self._places is None or self._scores is None:
                raise EngineError(WHERE, expected="a score", got="none", remedy="load one first")
            key = self._key(layout)
            bar_page = self._cache.bars(key)
            if bar_page is None:
                bar_page = self._tried(lambda: self._cut(layout, on_progress))
                self._cache.keep_bars(key, bar_page)
            pages = engraved_pages(key, layout, self._places, bar_page, self._scores)
            self._layouts[key] = layout, pages.n_pages
            return pages

    def svg(self, key: str, number: int) -> bytes:
        """Return a page as SVG, counted from 1; EngineError for a page that is not there."""
        return gzip.decompress(self.packed_svg(key, number))

    def packed_svg(self, key: str, number: int) -> bytes:
        """Return a page as gzipped SVG, as a browser takes it."""
        if (packed := self._cache.page(key, number)) is not None:
            return packed
        with self._lock:
            layout, n_pages = self._layouts.get(key, (PageLayout(), 0))
            if not 1 <= number <= n_pages:
                got, remedy = f"page {number} of {n_pages}", "lay the score out first"
                raise EngineError(WHERE, expected="a page that was laid out", got=got, remedy=remedy)
            return self._tried(lambda: self._page(key, layout, number))

    @property
    def process(self) -> int | None:
        """Return the number of the process that engraves; None where none is needed now."""
        return None if self._link is None else self._link.pid

    def close(self) -> None:
        """End the process; calls that wait for it raise EngineError."""
        self._closed = True
        if (link := self._link) is not None:
            link.kill()
        with self._lock:
            self._end_process()

    def _tried(self, work: Callable[[], T]) -> T:
        """Do what needs the process, again if it ended meanwhile."""
        for attempt in range(TRIES):
            if self._closed:
                raise EngineError(WHERE, expected="an open engraver", got="one that is closed")
            try:
                return work()
            except ChildEnded as end:
                self._end_process()
                if attempt == TRIES - 1 and not self._closed:
                    raise EngineError(WHERE, expected="pages", got=str(end), remedy="try another score") from end
        raise EngineError(WHERE, expected="an open engraver", got="one that is closed")

    def _running(self) -> EngravingLink:
        if self._link is None:
            self._link = EngravingLink(self._keep)
        return self._link

    def _read(self, on_progress: Progress | None) -> PrintedPlaces:
        name = self._scores[0].name if self._scores is not None else ""
        places: PrintedPlaces = self._running().ask(AskPlaces(name, self._data), PrintedPlaces, on_progress)
        self._has_read = True
        return places

    def _cut(self, layout: PageLayout, on_progress: Progress | None = None) -> Any:
        if not self._has_read:
            self._read(None)
        bar_page = self._running().ask(CutPages(layout), np.ndarray, on_progress)
        self._at_hand = layout
        return bar_page

    def _page(self, key: str, layout: PageLayout, number: int) -> bytes:
        if (packed := self._cache.page(key, number)) is not None:
            return packed
        if self._link is None or self._at_hand != layout:
            self._cut(layout)
        return self._running().ask(AskPage(number), FinishedPage).packed

    def _keep(self, page: FinishedPage) -> None:
        """Keep a page; called by the thread that listens."""
        self._cache.keep_page(self._key(page.layout), page.number, page.packed)

    def _key(self, layout: PageLayout) -> str:
        return self._cache.key(self._score_key.encode(), str(layout).encode())

    def _end_process(self) -> None:
        link, self._link = self._link, None
        self._has_read, self._at_hand = False, None
        if link is not None:
            link.close()


def verovio_release() -> str:
    """Return the version of verovio; EngineError where it is not installed."""
    try:
        return version(PACKAGE)
    except PackageNotFoundError as error:
        remedy = "pip install 'collaparte[stage]'"
        raise EngineError(WHERE, expected=f"the package {PACKAGE}", got="none", remedy=remedy) from error
