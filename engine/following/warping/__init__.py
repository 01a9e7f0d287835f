"""Following by online time warping, as MATCH does: frame against frame, along the score."""

from typing import TYPE_CHECKING

from engine.core.lazy import lazy

if TYPE_CHECKING:
    from engine.following.warping.config import WarpConfig
    from engine.following.warping.match import MatchTracker
else:
    __getattr__ = lazy(__name__)

__all__ = ["MatchTracker", "WarpConfig"]
