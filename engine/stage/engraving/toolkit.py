"""Verovio, as the engraving process uses it: one score, laid out as often as is wanted.

Verovio holds the interpreter's lock while it works, so it never runs in the session's process. It is optional
(LGPL-3.0), and imported by this module alone.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import verovio

from engine.core.errors import EngineError
from engine.stage.engraving.pages import PageLayout
from engine.stage.engraving.theme import themed_svg

__all__ = ["VerovioScore"]

PERCENT = 100
SEED = 1
MARGIN_SIDE, MARGIN_TOP = 60, 40  # verovio's units, a tenth of a millimetre at scale 100
OPTIONS = {
    "header": "none",
    "footer": "none",
    "expandNever": True,  # the print has every bar once; our own reader plays repeats out
    "xmlIdSeed": SEED,
    "svgViewBox": True,
    "svgFormatRaw": True,
    "svgRemoveXlink": True,
    "smuflTextFont": "none",  # the page has the font, see `music_font`
    "justifyVertically": True,
    "pageMarginLeft": MARGIN_SIDE,
    "pageMarginRight": MARGIN_SIDE,
    "pageMarginTop": MARGIN_TOP,
    "pageMarginBottom": MARGIN_TOP,
}


class VerovioScore:
    """One score in verovio."""

    def __init__(self) -> None:
        verovio.enableLog(verovio.LOG_OFF)
        self._toolkit = verovio.toolkit()
        self._page: dict[str, int] = {}  # that elements are on, as far as it was asked

    def lay_out(self, data: bytes, layout: PageLayout) -> int:
        """Lay a score out; the same score each time. Return the number of pages; EngineError if it cannot be."""
        self._toolkit.setOptions(OPTIONS | _sizes(layout))
        self._toolkit.resetXmlIdSeed(SEED)
        self._page.clear()
        loaded = self._toolkit.loadData(data.decode())  # anew: after `redoLayout` ids and places are others
        n_pages = self._toolkit.getPageCount() if loaded else 0
        if not n_pages:
            raise _refused("one that verovio refuses")
        return int(n_pages)

    def pages_of(self, ids: list[str]) -> npt.NDArray[np.int64]:
        """Return the page that each of these elements is on, from 1; they are in the order of the print.

        Verovio looks for an element through the whole score, so it is asked only near the ends of pages. EngineError
        where the last is on no page: verovio takes a file that breaks off for a whole one.
        """
        if not ids or self._page_of(ids[-1]) < 1:
            raise _refused("one that verovio does not read to its end")
        found = np.zeros(len(ids), dtype=np.int64)
        start, step = 0, max(len(ids) // max(int(self._toolkit.getPageCount()), 1), 1)
        while start < len(ids):
            page = self._page_of(ids[start])
            end = self._end_of(page, start, step, ids)
            found[start:end] = page
            start, step = end, end - start
        return found

    def _end_of(self, page: int, start: int, step: int, ids: list[str]) -> int:
        """Return the first element after a page that begins at `start` and has about `step` of them."""
        inside, outside, reach = start, min(start + step, len(ids)), 1
        while outside < len(ids) and self._page_of(ids[outside]) <= page:
            inside, outside, reach = outside, min(outside + reach, len(ids)), 2 * reach
        reach = 1
        while outside - inside > 1:
            probe = max(outside - reach, inside + 1) if reach < outside - inside else (inside + outside) // 2
            if self._page_of(ids[probe]) <= page:
                inside = probe
            else:
                outside, reach = probe, 2 * reach
        return outside

    def _page_of(self, name: str) -> int:
        if name not in self._page:
            self._page[name] = int(self._toolkit.getPageWithElement(name))
        return self._page[name]

    def svg(self, page: int) -> bytes:
        """Return a page; glyphs and strokes have the colour of the text around it."""
        return themed_svg(self._toolkit.renderToSVG(page)).encode()


def _refused(got: str) -> EngineError:
    return EngineError("engraver", expected="a score that can be engraved", got=got, remedy="export it again")


def _sizes(layout: PageLayout) -> dict[str, object]:
    return {
        "pageWidth": round(layout.width * PERCENT / layout.scale),
        "pageHeight": round(layout.height * PERCENT / layout.scale),
        "scale": layout.scale,
        "breaks": layout.breaks,
    }
