"""Settings for following by any features, by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import models
from engine.core.config import require_one_of
from engine.core.errors import ModelError
from engine.following.config import FollowConfig
from engine.following.features import FollowerFeaturesConfig
from engine.following.likelihood import LikelihoodConfig
from engine.following.similarity.frame_embedder import SIAMESE_CNN
from engine.inference.network_file import read_metadata
from offline.following.feature_names import FEATURES, NETWORK_ENDING

__all__ = ["follow_by", "follow_soloist", "shipped_features"]

WEIGHTS = Path(models.__file__).parent / "weights"
FILES = {"learned": WEIGHTS / "siamese.onnx", "salience": WEIGHTS / "salience.onnx"}
# Chosen on performances rendered by the project. Rows of unit length are never silent.
LEARNED = LikelihoodConfig(sustain=1.2, sustain_threshold=0.6, silence=0.0)


def shipped_features(name: str) -> Path:
    """Return the network that ships for features by this name."""
    return FILES[name]


def follow_by(name: str, base: FollowConfig | None = None) -> FollowConfig:
    """Return the settings for one of FEATURES, or for a network's file, the rest as in `base`."""
    base = base or FollowConfig()
    if name.endswith(NETWORK_ENDING):
        return _by_network(Path(name), base)
    require_one_of("features", name, FEATURES)
    if name in ("bands", "chroma"):
        return replace(base, features=replace(base.features, kind=name))
    config = FollowerFeaturesConfig(name=name, weights=FILES.get(name))
    return replace(base, input_features=config, likelihood=LEARNED if name == "learned" else base.likelihood)


def _by_network(path: Path, base: FollowConfig) -> FollowConfig:
    """Return the settings for a network of `export similarity`: the small causal one, or the published one.

    With the published one the cost of a warping is its own distance, without onsets beside it.
    """
    kind = read_metadata(path).get("kind")
    if kind == SIAMESE_CNN:
        config = FollowerFeaturesConfig(name=SIAMESE_CNN, weights=path, salience=FILES["salience"])
        return replace(base, input_features=config, likelihood=LEARNED, warp=replace(base.warp, onset=0.0))
    if kind == "siamese":
        return replace(base, input_features=FollowerFeaturesConfig(name="learned", weights=path), likelihood=LEARNED)
    raise ModelError(
        str(path), expected="a network that compares frames", got=str(kind), remedy="`collaparte export similarity`"
    )


def follow_soloist(name: str) -> FollowConfig:
    """Return the settings for one of FEATURES where an accompaniment follows: a jump is believed soon."""
    return follow_by(name, FollowConfig(soon=True))
