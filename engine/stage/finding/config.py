"""Settings of finding, and when a piece is taken for found."""

from __future__ import annotations

from dataclasses import dataclass

from engine.core.config import Settings, ranged

__all__ = ["FinderConfig"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FinderConfig(Settings):
    """When a piece is taken for found; tuned with the numbers of `engine.stage.finding.place_filter`."""

    sure: float = ranged(0.85, 0.5, 1.0, "probability of a piece at which one is sure")
    held: float = ranged(0.4, 0.0, 10.0, "time for which it must have been as likely", unit="s")
    place_lead: float = ranged(2.0, 0.0, 25.0, "lead over other places of the piece at which one is sure", unit="nats")
    undecided: float = ranged(
        1.0, 0.0, 60.0, "time after which, of places of the piece that fit alike, the best is taken", unit="s"
    )
    events: int = ranged(4, 1, 100, "onsets heard at least of a piece that is sure")
    repeat: float = ranged(1.0, 0.05, 60.0, "interval at which the most likely pieces are reported again", unit="s")
    rest: float = ranged(
        30.0,
        0.0,
        3600.0,
        "time for which nothing is looked for while what was found is followed with confidence; 0 looks always",
        unit="s",
    )
    detuned: int = ranged(
        2,
        0,
        12,
        "range of tunings in which pieces are found, up and down; 2 reach from A = 415 to 466 Hz",
        unit="half semitones",
    )
