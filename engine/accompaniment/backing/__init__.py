"""A recording as accompaniment: stretched to the soloist's pace while it plays."""

from typing import TYPE_CHECKING

from engine.core.lazy import lazy

if TYPE_CHECKING:
    from engine.accompaniment.backing.backing_map import Backing, BackingMap
    from engine.accompaniment.backing.config import GlideConfig, StretchConfig
    from engine.accompaniment.backing.player import BackingPlayer
    from engine.accompaniment.backing.recording import BackingRecording, load_backing
    from engine.accompaniment.backing.stretch import TimeStretch
else:
    __getattr__ = lazy(__name__)

__all__ = [
    "Backing",
    "BackingMap",
    "BackingPlayer",
    "BackingRecording",
    "GlideConfig",
    "StretchConfig",
    "TimeStretch",
    "load_backing",
]
