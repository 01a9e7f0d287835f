"""Define the basis of the live engine: the processor contract, formats, events, errors, settings, rings and clocks."""

from typing import TYPE_CHECKING

from engine.core.lazy import lazy

if TYPE_CHECKING:
    from engine.core.config import (
        Setting,
        Settings,
        check,
        choice,
        from_mapping,
        numbers,
        plain,
        ranged,
        resolved,
        settings_of,
    )
    from engine.core.errors import (
        AudioFileError,
        ConfigError,
        DeviceError,
        EngineError,
        ModelError,
        ScoreError,
        ShapeError,
    )
    from engine.core.events import (
        Accompanied,
        Cue,
        Dropout,
        Event,
        Guesses,
        Late,
        Note,
        Onset,
        PieceFound,
        Position,
        Sound,
        State,
        from_line,
        to_line,
    )
    from engine.core.format import MAX_HOP, AudioFormat, FrameFormat, frame_size
    from engine.core.processor import Chain, Processor, join
else:
    __getattr__ = lazy(__name__)

__all__ = [
    "MAX_HOP",
    "Accompanied",
    "AudioFileError",
    "AudioFormat",
    "Chain",
    "ConfigError",
    "Cue",
    "DeviceError",
    "Dropout",
    "EngineError",
    "Event",
    "FrameFormat",
    "Guesses",
    "Late",
    "ModelError",
    "Note",
    "Onset",
    "PieceFound",
    "Position",
    "Processor",
    "ScoreError",
    "Setting",
    "Settings",
    "ShapeError",
    "Sound",
    "State",
    "check",
    "choice",
    "frame_size",
    "from_line",
    "from_mapping",
    "join",
    "numbers",
    "plain",
    "ranged",
    "resolved",
    "settings_of",
    "to_line",
]
