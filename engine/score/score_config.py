"""How a score file is read."""

from __future__ import annotations

from dataclasses import dataclass

from engine.core.config import Settings, plain

__all__ = ["ScoreConfig"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreConfig(Settings):
    """Which parts of a score are followed, and in which order it is played."""

    part: tuple[str, ...] = plain(
        (), "follow this part alone: its name, abbreviation or id; may be repeated (default a part Solo, else all)"
    )
    repeats_after_jump: bool = plain(False, "take repeats again after a D.C. or D.S., which by custom is not done")
