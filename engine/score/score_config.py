"""How a score file is read."""

from __future__ import annotations

from dataclasses import dataclass

from engine.core.config import Settings, plain

__all__ = ["ScoreConfig"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreConfig(Settings):
    """Which parts of a score are followed."""

    part: tuple[str, ...] = plain(
        (), "follow this part alone: its name, abbreviation or id; may be repeated (default a part Solo, else all)"
    )
