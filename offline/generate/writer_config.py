"""How any of the systems is asked to write."""

from __future__ import annotations

from dataclasses import dataclass

from engine.config import require

__all__ = ["WriterConfig"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterConfig:
    """temperature: of the choice of pitch, not of whether to move; rules: no parallel fifths and octaves; seed."""

    temperature: float = 0.7
    rules: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        require("temperature", self.temperature, 0.05, 10)
        require("seed", self.seed, 0, 2**63)
