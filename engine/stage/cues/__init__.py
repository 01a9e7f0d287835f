"""Cues: what happens at places of the score, told by a list, called as the music goes."""

from typing import TYPE_CHECKING

from engine.core.lazy import lazy

if TYPE_CHECKING:
    from engine.stage.cues.caller import CueCaller, CueSettings
    from engine.stage.cues.config import CueTiming
    from engine.stage.cues.cue_list import CueEntry, CueList, PlannedCue, read_cues
    from engine.stage.cues.scheduler import CueCall, CueScheduler
else:
    __getattr__ = lazy(__name__)

__all__ = [
    "CueCall",
    "CueCaller",
    "CueEntry",
    "CueList",
    "CueScheduler",
    "CueSettings",
    "CueTiming",
    "PlannedCue",
    "read_cues",
]
