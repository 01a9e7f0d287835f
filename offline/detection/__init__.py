"""Sound events of whole files, and the settings of the networks that ship."""

from typing import TYPE_CHECKING

from engine.core.lazy import lazy

if TYPE_CHECKING:
    from offline.detection.clip_decisions import clip_probabilities, detect, intervals, tag
    from offline.detection.presets import (
        DETECTORS,
        describe_latency,
        detect_config,
        file_config,
        parse_embeddings,
        sound_model,
    )
    from offline.detection.tagging import Tagged, Tagger, tag_files
else:
    __getattr__ = lazy(__name__)

__all__ = [
    "DETECTORS",
    "Tagged",
    "Tagger",
    "clip_probabilities",
    "describe_latency",
    "detect",
    "detect_config",
    "file_config",
    "intervals",
    "parse_embeddings",
    "sound_model",
    "tag",
    "tag_files",
]
