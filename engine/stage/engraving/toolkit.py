"""Verovio, as the engraving process uses it: one score, laid out as often as is wanted.

Verovio holds the interpreter's lock while it works, so it never runs in the session's process. It is optional
(LGPL-3.0), and imported by this module alone.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt
import verovio

from engine.core.errors import EngineError
from engine.stage.engraving.pages import PageLayout
from engine.stage.engraving.theme import themed_svg

__all__ = ["VerovioScore"]

PERCENT = 100
PAGE_OR_MEASURE = re.compile(r'<page\b|<measure\b[^>]*?xml:id="([^"]*)"')
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

    def lay_out(self, data: bytes, layout: PageLayout) -> int:
        """Lay a score out; the same score each time. Return the number of pages; EngineError if it cannot be."""
        self._toolkit.setOptions(OPTIONS | _sizes(layout))
        self._toolkit.resetXmlIdSeed(SEED)
        loaded = self._toolkit.loadData(data.decode())  # anew: after `redoLayout` ids and places are others
        n_pages = self._toolkit.getPageCount() if loaded else 0
        if not n_pages:
            raise _refused("one that verovio refuses")
        return int(n_pages)

    def pages_of(self, ids: list[str]) -> npt.NDArray[np.int64]:
        """Return the page that each of these measures is on, from 1; they are in the order of the print.

        They are read in the music as it has been laid out: verovio looks for one element through the whole score, four
        hundred times as long for 66 pages. EngineError where the last is on no page: verovio takes a file that breaks
        off for a whole one.
        """
        page, found = 0, dict[str, int]()
        for each in PAGE_OR_MEASURE.finditer(self._toolkit.getMEI({"scoreBased": False})):
            page += each[1] is None
            found.setdefault(each[1] or "", page)
        if not ids or ids[-1] not in found:
            raise _refused("one that verovio does not read to its end")
        return np.maximum.accumulate([found.get(name, 1) for name in ids])

    def svg(self, page: int) -> bytes:
        """Return a page; glyphs and strokes have the colour of the text around it."""
        return themed_svg(self._toolkit.renderToSVG(page)).encode()


def _refused(got: str) -> EngineError:
    return EngineError("engraver", expected="a score that can be engraved", got=got, remedy="export it again")


def _sizes(layout: PageLayout) -> dict[str, object]:
    fitted = layout.breaks == "none"
    return {
        "adjustPageWidth": fitted,
        "adjustPageHeight": fitted,
        "justifyVertically": not fitted,
        "pageWidth": round(layout.width * PERCENT / layout.scale),
        "pageHeight": round(layout.height * PERCENT / layout.scale),
        "scale": layout.scale,
        "breaks": layout.breaks,
    }
