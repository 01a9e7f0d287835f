"""The settings of fitting the confidence; light to import, for `--help`."""

from __future__ import annotations

from dataclasses import MISSING, dataclass
from pathlib import Path

from engine.core.config import Settings, choice, plain, ranged
from offline.following.feature_names import FEATURES

__all__ = ["ConfidenceTraining"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidenceTraining(Settings):
    """Weigh the evidence that the position of the score follower is right."""

    data: tuple[Path, ...] = plain(MISSING, "folders of hard takes, made by `data hard`; their half for tuning is used")
    features: str = choice(FEATURES[0], FEATURES, "the features that are followed")
    folds: int = ranged(8, 2, 100, "parts of the pieces, each left out once to see how well the others' weights do")
    ridge: float = ranged(1e-3, 0, 1, "penalty of large weights, of evidence scaled to a spread of one")
