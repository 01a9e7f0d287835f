"""Score following of files and its presets."""

from typing import TYPE_CHECKING

from engine.core.lazy import lazy

if TYPE_CHECKING:
    from offline.following.feature_names import FEATURES
    from offline.following.presets import follow_by
    from offline.following.score_input import read_score_input, read_score_or_recording
    from offline.following.score_rendering import reference_from_rendering, render_score
else:
    __getattr__ = lazy(__name__)

__all__ = [
    "FEATURES",
    "follow_by",
    "read_score_input",
    "read_score_or_recording",
    "reference_from_rendering",
    "render_score",
]
