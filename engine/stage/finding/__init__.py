"""Find which piece of a folder is played, and where in it."""

from typing import TYPE_CHECKING

from engine.core.lazy import lazy

if TYPE_CHECKING:
    from engine.stage.finding.candidates import Candidate
    from engine.stage.finding.config import FinderConfig
    from engine.stage.finding.finder import PieceFinder
    from engine.stage.finding.piece_follower import PieceFollower, PieceFollowerConfig
    from engine.stage.finding.piece_index import IndexedPiece, PieceIndex
else:
    __getattr__ = lazy(__name__)

__all__ = [
    "Candidate",
    "FinderConfig",
    "IndexedPiece",
    "PieceFinder",
    "PieceFollower",
    "PieceFollowerConfig",
    "PieceIndex",
]
