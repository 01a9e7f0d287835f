"""How an accompaniment follows its soloist."""

from __future__ import annotations

from dataclasses import dataclass

from engine.core.config import Settings, ranged

__all__ = ["SchedulerConfig"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulerConfig(Settings):
    """Decide when the accompaniment plays."""

    behind_s: float = ranged(
        0.012, 0, 0.1, "how far the accompaniment comes behind the solo, as a pianist's other hand does", unit="s"
    )
    commit_s: float = ranged(0.01, 0.001, 0.5, "how long before it sounds a note is fixed", unit="s")
    wait_sd_s: float = ranged(
        0.045,
        0,
        10,
        "wait for the solo's note where the standard deviation of its prediction is above this and the latency, by "
        "which waiting comes later",
        unit="s",
    )
    pace_s: float = ranged(1.5, 0.1, 60, "time over which the pace of the solo is averaged", unit="s")
    late_s: float = ranged(
        0.3, 0, 5, "leave out what is later, where the next is due as well or the solo has passed it", unit="s"
    )
    hold_s: float = ranged(1.0, 0, 60, "go on without a note of the solo that is so much overdue", unit="s")
    fermata: float = ranged(
        1.0, 0, 10, "lengths of its note by which a fermata is longer, where the accompaniment goes on alone"
    )
    jump: int = ranged(3, 1, 100, "onsets of the solo that a correction may skip; more are a jump")
    confirm: int = ranged(2, 1, 10, "onsets that confirm the place after a jump before the accompaniment enters")
