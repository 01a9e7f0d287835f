"""Settings for following by any features, by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import models
from engine.core.config import require_one_of
from engine.following.config import FollowConfig
from engine.following.features import FollowerFeaturesConfig
from engine.following.likelihood import LikelihoodConfig
from offline.following.feature_names import FEATURES

__all__ = ["follow_by", "follow_soloist", "shipped_features"]

WEIGHTS = Path(models.__file__).parent / "weights"
FILES = {"learned": WEIGHTS / "siamese.onnx", "salience": WEIGHTS / "salience.onnx"}
# Chosen on performances rendered by the project. Rows of unit length are never silent.
LEARNED = LikelihoodConfig(sustain=1.2, sustain_threshold=0.6, silence=0.0)


def shipped_features(name: str) -> Path:
    """Return the network that ships for features by this name."""
    return FILES[name]


def follow_by(name: str, base: FollowConfig | None = None) -> FollowConfig:
    """Return the settings for one of FEATURES, the rest as in `base`."""
    require_one_of("features", name, FEATURES)
    base = base or FollowConfig()
    if name in ("bands", "chroma"):
        return replace(base, features=replace(base.features, kind=name))
    config = FollowerFeaturesConfig(name=name, weights=FILES.get(name))
    return replace(base, input_features=config, likelihood=LEARNED if name == "learned" else base.likelihood)


def follow_soloist(name: str) -> FollowConfig:
    """Return the settings for one of FEATURES where an accompaniment follows: a jump is believed soon."""
    return follow_by(name, FollowConfig(soon=True))
