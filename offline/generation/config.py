"""How any of the systems is asked to write."""

from __future__ import annotations

from dataclasses import dataclass

from engine.core.config import require

__all__ = ["WriterConfig"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterConfig:
    """temperature: of the choice of pitch, not of whether to move; rules: no parallel fifths and octaves; seed.

    key: pitch class, 0 is C, in which a network that knows one key only begins; None leaves it to what is given, or
    to chance; activity: factor on the odds that a voice moves, 1 as learnt, 0.1 to 10; None leaves it to the seed.
    """

    temperature: float = 0.7
    rules: bool = True
    seed: int = 0
    key: int | None = None
    activity: float | None = None

    def __post_init__(self) -> None:
        require("temperature", self.temperature, 0.05, 10)
        require("seed", self.seed, 0, 2**63)
        if self.key is not None:
            require("key", self.key, 0, 11)
        if self.activity is not None:
            require("activity", self.activity, 0.1, 10)
