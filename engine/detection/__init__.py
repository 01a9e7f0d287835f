"""Detect the beginnings and ends of sounds by neural networks."""

from typing import TYPE_CHECKING

from engine.core.lazy import lazy

if TYPE_CHECKING:
    from engine.detection.crnn import SoundConfig, SoundProbabilities
    from engine.detection.detector import SoundDetector
    from engine.detection.embedding import Embedding, EmbeddingConfig, read_embedding
    from engine.detection.event_decoder import DecisionConfig, Decisions, EventDecoder, Interval
else:
    __getattr__ = lazy(__name__)

__all__ = [
    "DecisionConfig",
    "Decisions",
    "Embedding",
    "EmbeddingConfig",
    "EventDecoder",
    "Interval",
    "SoundConfig",
    "SoundDetector",
    "SoundProbabilities",
    "read_embedding",
]
