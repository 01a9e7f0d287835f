"""Engrave scores for the stage: pages of SVG, and where on them every onset is."""

from typing import TYPE_CHECKING

from engine.core.lazy import lazy

if TYPE_CHECKING:
    from engine.stage.engraving.engraver import Engraver
    from engine.stage.engraving.incipits import Incipits
    from engine.stage.engraving.pages import EngravedOnset, EngravedPage, PageLayout, Pages
    from engine.stage.engraving.sheet import Sheet, read_sheet
else:
    __getattr__ = lazy(__name__)

__all__ = [
    "EngravedOnset",
    "EngravedPage",
    "Engraver",
    "Incipits",
    "PageLayout",
    "Pages",
    "Sheet",
    "read_sheet",
]
