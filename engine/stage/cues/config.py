"""When cues act."""

from __future__ import annotations

from dataclasses import dataclass

from engine.accompaniment.config import SchedulerConfig
from engine.core.config import Settings, ranged

__all__ = ["BEHIND_S", "CueTiming"]

BEHIND_S = 0.02  # more than an accompaniment: bars begin a little later than what precedes them lets expect
HOLD_S = 60.0  # a note that does not come is waited for: what is beyond it has not been reached


@dataclass(frozen=True, slots=True, kw_only=True)
class CueTiming(Settings):
    """Decide when cues act."""

    commit_s: float = ranged(0.03, 0.001, 0.5, "how long before it acts a cue is fixed", unit="s")
    wait_sd_s: float = ranged(
        0.03, 0, 10, "wait for the note where the standard deviation of its prediction is above this", unit="s"
    )
    late_s: float = ranged(0.5, 0, 60, "pass over what would be later", unit="s")
    confirm: int = ranged(
        2, 1, 10, "onsets that confirm the place, at the beginning and after a jump, before a cue acts"
    )
    min_confidence: float = ranged(0.3, 0, 1, "confidence in the place below which no cue acts")

    @property
    def schedule(self) -> SchedulerConfig:
        """Return the settings of the anticipation."""
        return SchedulerConfig(
            behind_s=BEHIND_S,
            commit_s=self.commit_s,
            wait_sd_s=self.wait_sd_s,
            late_s=self.late_s,
            hold_s=HOLD_S,
            confirm=self.confirm,
        )
