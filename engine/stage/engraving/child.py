"""The engraving process: takes a score, lays it out, and renders its pages, asked or in advance."""

from __future__ import annotations

import gc
import gzip
import os
import pickle
import resource
import select
import sys
from typing import Any, BinaryIO

from engine.core.errors import EngineError
from engine.stage.engraving.messages import AskPlaces, CutPages, Doing, FinishedPage, Request, Unengraved
from engine.stage.engraving.pages import PageLayout, PrintedPlaces
from engine.stage.engraving.printing.copy import PrintedScore, printed_score
from engine.stage.engraving.toolkit import VerovioScore

__all__ = ["run_engraving_child"]

NICE = 10  # sound comes first
MEMORY = 6 << 30  # bytes of address space: a symphony takes 1
COMPRESSION = 6
LOAD_S, PAGE_S, READ_S = 2.5e-4, 0.08, 1.5e-4  # seconds of CPU a note, a page, a note


class _Child:
    """One score, its layout at hand, and the pages that are still to be rendered."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._engraver = VerovioScore()
        self._score: PrintedScore | None = None
        self._layout = PageLayout()
        self._waiting: list[int] = []

    def answer(self, request: Request) -> None:
        """Carry out a request; what goes wrong is the answer."""
        try:
            if isinstance(request, AskPlaces):
                self._tell(self._take(request))
            elif isinstance(request, CutPages):
                self._tell(self._lay_out(request.layout))
            else:
                self._tell(self._page(request.number))
        except EngineError as error:
            self._tell(Unengraved(error))

    def ahead(self) -> bool:
        """Render a page in advance; return whether there was one to render."""
        if self._waiting:
            self._tell(self._page(self._waiting[0])._replace(asked=False))
        return bool(self._waiting)

    def _take(self, request: AskPlaces) -> PrintedPlaces:
        self._tell(Doing("reading", 0.0, 1.0, READ_S * request.data.count(b"<note")))
        self._score = printed_score(request.where, request.data, request.first_bars)
        return self._score.places

    def _lay_out(self, layout: PageLayout) -> Any:
        assert self._score is not None
        score = self._score
        self._tell(Doing("engraving", 0.0, 0.9, LOAD_S * len(score.places.note_bar)))
        n_pages = self._engraver.lay_out(score.data, layout)
        self._layout, self._waiting = layout, list(range(1, n_pages + 1))
        bar_page = self._engraver.pages_of(score.bar_ids)
        self._tell(Doing("drawing", 0.9, 1.0, PAGE_S))
        self.ahead()
        return bar_page

    def _page(self, number: int) -> FinishedPage:
        if number in self._waiting:
            self._waiting.remove(number)
        packed = gzip.compress(self._engraver.svg(number), COMPRESSION, mtime=0)
        return FinishedPage(self._layout, number, packed)

    def _tell(self, message: Any) -> None:
        pickle.dump(message, self._out)
        self._out.flush()


def run_engraving_child() -> None:
    """Answer requests from standard input until it ends; between them render pages in advance."""
    gc.disable()  # a score is one tree without circles, and looking for some takes as long as reading it
    os.nice(NICE)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    requests, out = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # what a library prints is no message
    child = _Child(out)
    try:
        while True:
            if _ready(requests) or not child.ahead():
                child.answer(pickle.load(requests))
    except (EOFError, BrokenPipeError):
        return


def _ready(file: BinaryIO) -> bool:
    """Return whether a request waits."""
    return bool(select.select([file], [], [], 0)[0])
