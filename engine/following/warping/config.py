"""Settings of online time warping, and the ways to follow."""

from __future__ import annotations

from dataclasses import dataclass

from engine.core.config import Settings, choice, ranged

__all__ = ["DISTANCES", "FOLLOW_METHODS", "FOLLOW_METHODS_TEXT", "WarpConfig"]

DISTANCES = ("euclidean", "share")
FOLLOW_METHODS = ("search", "match")
FOLLOW_METHODS_TEXT = "search: over onsets of the score, finds jumps; match: online time warping by frames, as MATCH"


@dataclass(frozen=True, slots=True, kw_only=True)
class WarpConfig(Settings):
    """How to warp online; the defaults of band and run are Dixon's (IJCAI 2005).

    He compares only how sound grows. Sustained sound is never as near as nothing, and where a diagonal step costs two,
    any way through it costs the same: here it costs less, so that the path keeps to the diagonal.
    """

    band_s: float = ranged(10.0, 1, 60, "width of the search, c in Dixon's paper", unit="s")
    start_s: float = ranged(
        0.5, 0, 60, "how long live input and score advance together at the beginning; the paper has the band", unit="s"
    )
    max_run: int = ranged(3, 1, 100, "most steps in a row in one direction, MaxRunCount in Dixon's paper")
    distance: str = choice(
        "euclidean", DISTANCES, "of two frames: Euclidean, or by which share they differ, as in MATCH's own program"
    )
    diagonal: float = ranged(
        1.5, 1, 4, "weight of a diagonal step; a step in one direction has 1, and Dixon's diagonal 2"
    )
    onset: float = ranged(0.5, 0, 10, "weight of onset features against sustained sound in the distance of two frames")
    again_s: float = ranged(
        1.0,
        0,
        60,
        "how often the path is searched backwards and forwards again, as Arzt does; 0 for never, as Dixon",
        unit="s",
    )
    back_s: float = ranged(5.0, 0.1, 60, "how far back that search goes, at most the band", unit="s")
