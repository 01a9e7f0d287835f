"""The settings of a system that writes music."""

from __future__ import annotations

from dataclasses import dataclass

from engine.core.config import Settings, plain, ranged

__all__ = ["GeneratorConfig"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorConfig(Settings):
    """Set how a system writes."""

    temperature: float = ranged(
        0.7, 0.05, 10, "temperature of the choice of pitch; whether a voice moves is not changed"
    )
    rules: bool = plain(True, "forbid parallel fifths and octaves")
    seed: int = ranged(0, 0, 2**63, "seed; the same seed writes the same music")
    key: int | None = ranged(
        None, 0, 11, "pitch class of the key, 0 is C; by default that of what is given, else drawn"
    )
    tempo_bpm: float | None = ranged(
        None, 10, 1000, "tempo that the music is meant for; by default each system's own", unit="quarters a minute"
    )
    activity: float | None = ranged(
        None, 0.1, 10, "factor on the odds that a voice moves, 1 as trained; by default drawn around 1.2"
    )
