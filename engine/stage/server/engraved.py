"""The engraver as the server asks it: one score at a time, many layouts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from engine.core.errors import ConfigError
from engine.score.file_bytes import read_score_bytes
from engine.stage.engraving.engraver import Engraver
from engine.stage.engraving.incipits import Incipits
from engine.stage.engraving.pages import PageLayout
from engine.stage.server.pages import PageRequest
from engine.stage.server.shelf import ShelfScore, StagedScore

__all__ = ["ServerEngraving"]


class ServerEngraving:
    """Load a score into the engraver when another is asked for, and lay it out."""

    def __init__(self, engraver: Engraver, incipits: Incipits) -> None:
        self._engraver, self._incipits = engraver, incipits
        self._lock = threading.Lock()
        self._loaded: StagedScore | None = None

    def pages(
        self, staged: StagedScore, request: PageRequest, on_progress: Callable[[float], None]
    ) -> Mapping[str, Any]:
        """Return the layout; EngineError for a score that cannot be engraved."""
        sheet = staged.sheet
        if sheet.kind != "pages":
            raise ConfigError("pages", expected="MusicXML", got="MIDI", remedy="it is shown as a piano roll")
        with self._lock:
            if self._loaded is not staged:
                self._loaded = None
                self._engraver.load(
                    sheet.data, sheet.score, sheet.whole, lambda share, what: on_progress(share * LOADING)
                )
                self._loaded = staged
            layout = PageLayout(width=request.width, height=request.height, scale=request.scale)
            pages = self._engraver.lay_out(layout, lambda share, what: on_progress(LOADING + share * (1 - LOADING)))
        return {**pages.json(), "spread": request.spread}

    def sheet(self, key: str, number: int) -> bytes:
        """Return one page, packed; EngineError for one that is not there."""
        return self._engraver.packed_svg(key, number)

    def incipit(self, shelved: ShelfScore) -> bytes:
        """Return the first bars of a score, packed; EngineError for one that has none to be engraved."""
        if shelved.kind != "pages":
            raise ConfigError("first bars", expected="MusicXML", got="MIDI", remedy="it is shown as a piano roll")
        return self._incipits.packed_svg(read_score_bytes(shelved.path))


LOADING = 0.5  # share of the progress that reading a score takes
