"""Score following: estimate where in the score the performer is."""

from typing import TYPE_CHECKING

from engine.core.lazy import lazy

if TYPE_CHECKING:
    from engine.following.audio_templates import ScoreAudioFeatures, reference_from_score_audio, with_embeddings
    from engine.following.config import FollowConfig, follow_frames
    from engine.following.embedder import Embedder, EmbedderConfig
    from engine.following.embedding_features import EmbeddingFeatures
    from engine.following.features import FollowerFeatures, FollowerFeaturesConfig, OnsetDifference
    from engine.following.follower import AudioFollower, Follower
    from engine.following.recording_reference import reference_from_audio
    from engine.following.reference import Reference, reference_from_score
    from engine.following.salience import SalienceNode, SalienceNodeConfig, any_front_end
else:
    __getattr__ = lazy(__name__)

__all__ = [
    "AudioFollower",
    "Embedder",
    "EmbedderConfig",
    "EmbeddingFeatures",
    "FollowConfig",
    "Follower",
    "FollowerFeatures",
    "FollowerFeaturesConfig",
    "OnsetDifference",
    "Reference",
    "SalienceNode",
    "SalienceNodeConfig",
    "ScoreAudioFeatures",
    "any_front_end",
    "follow_frames",
    "reference_from_audio",
    "reference_from_score",
    "reference_from_score_audio",
    "with_embeddings",
]
