"""How an accompaniment goes with its soloist, beside its timing."""

from __future__ import annotations

from dataclasses import dataclass

from engine.core.config import Settings, plain, ranged

__all__ = ["TouchConfig"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TouchConfig(Settings):
    """Decide how loud and how high the accompaniment plays."""

    dynamics: float = ranged(
        0.5, 0, 1, "how far it follows the soloist's loudness, beside what the score marks; 0 plays the score's alone"
    )
    follow_pitch: bool = plain(True, "play as high as the soloist is found to sound: transposition and tuning")
