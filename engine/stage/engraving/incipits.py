"""The first bars of scores as small pictures: engraved when they are asked for, in a process of their own."""

from __future__ import annotations

import threading

import numpy as np

from engine.core.errors import EngineError
from engine.stage.engraving.cache import EngravedCache
from engine.stage.engraving.child_link import ChildEnded, EngravingLink
from engine.stage.engraving.engraver import verovio_release
from engine.stage.engraving.messages import AskPage, AskPlaces, CutPages, FinishedPage
from engine.stage.engraving.pages import PageLayout, PrintedPlaces

__all__ = ["FIRST_BARS", "Incipits"]

FIRST_BARS = 6
ROW = PageLayout(width=8000, height=8000, scale=40, breaks="none")
WHERE = "first bars"


class Incipits:
    """The first `FIRST_BARS` bars of any score. Thread-safe; every call waits until it is done.

    Only these bars are given to the engraver, so that a symphony takes no longer than a song.
    """

    def __init__(self, cache: EngravedCache | None = None) -> None:
        self._cache = cache or EngravedCache()
        self._lock = threading.Lock()  # one request at a time
        self._link: EngravingLink | None = None
        self._closed = False

    def packed_svg(self, data: bytes) -> bytes:
        """Return the first bars of a MusicXML file as gzipped SVG; EngineError, in one line, if it has none."""
        key = self._cache.key(b"first bars", verovio_release().encode(), data)
        if (packed := self._cache.page(key, 1)) is not None:
            return packed
        with self._lock:
            packed = self._engraved(data)
        self._cache.keep_page(key, 1, packed)
        return packed

    def _engraved(self, data: bytes) -> bytes:
        if self._closed:
            raise EngineError(WHERE, expected="an open engraver", got="one that is closed")
        link = self._link = self._link or EngravingLink(lambda page: None)
        try:
            link.ask(AskPlaces(WHERE, data, FIRST_BARS), PrintedPlaces)
            link.ask(CutPages(ROW), np.ndarray)
            return bytes(link.ask(AskPage(1), FinishedPage).packed)
        except ChildEnded as end:
            self._end()
            raise EngineError(WHERE, expected="an engraving", got=str(end)) from end

    def close(self) -> None:
        """End the process; a call that waits for it raises EngineError."""
        self._closed = True
        if (link := self._link) is not None:
            link.kill()
        with self._lock:
            self._end()

    def _end(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.close()
