"""What the training of a separating network minimises, on what."""

from __future__ import annotations

from dataclasses import dataclass

from engine.core.config import require
from engine.core.errors import ConfigError
from models.separation.losses import ALPHA, FLOOR_DB

__all__ = ["ObjectiveConfig"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveConfig:
    """What is minimised, on what.

    snr: decibels of error (`spectral_snr`) instead of the paper's losses; floor_db: of these, -60 to 0; equalise_db:
    deviation of each stem's random equaliser, 0 to 20, with `snr` only; multi_domain: add the time domain, equation
    (4); combine: all combinations, equation (7); alpha: of equation (4); batch: examples; segment_s: seconds of each;
    mixed: bfloat16 where it is safe; seed: of the mixes.
    """

    snr: bool = False
    floor_db: float = FLOOR_DB
    equalise_db: float = 0.0
    multi_domain: bool = True
    combine: bool = True
    alpha: float = ALPHA
    batch: int = 16
    segment_s: float = 4.0
    mixed: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        require("batch", self.batch, 1, 4096)
        require("segment_s", self.segment_s, 0.2, 60)
        require("alpha", self.alpha, 0, 1e6)
        require("floor_db", self.floor_db, -60, 0)
        require("equalise_db", self.equalise_db, 0, 20)
        if self.equalise_db and not self.snr:
            raise ConfigError("equalise", expected="--snr, which needs no samples", got="the paper's losses")
        if self.floor_db != FLOOR_DB and not self.snr:
            raise ConfigError("floor", expected="--snr, whose floor it is", got="the paper's losses")
