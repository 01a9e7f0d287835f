"""Settings of finding, and when a piece is taken for found."""

from __future__ import annotations

from dataclasses import dataclass

from engine.core.config import Settings, ranged

__all__ = ["FinderConfig"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FinderConfig(Settings):
    """When a piece is taken for found; tuned with the numbers of `engine.stage.finding.place_filter`."""

    fit: float = ranged(7.0, 0.0, 20.0, "lead over what is in none of the pieces, at which one is sure", unit="nats")
    piece_lead: float = ranged(6.0, 0.0, 25.0, "lead over all other pieces at which one is sure", unit="nats")
    place_lead: float = ranged(3.0, 0.0, 25.0, "lead over other places of the piece at which one is sure", unit="nats")
    undecided: float = ranged(
        1.0, 0.0, 60.0, "time after which, of places of the piece that fit alike, the best is taken", unit="s"
    )
    events: int = ranged(4, 1, 100, "onsets heard at least of a piece that is sure")
    repeat: float = ranged(1.0, 0.05, 60.0, "interval at which the most likely piece is reported again", unit="s")
