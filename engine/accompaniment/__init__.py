"""Accompaniment: play the other parts as the soloist goes."""

from typing import TYPE_CHECKING

from engine.core.lazy import lazy

if TYPE_CHECKING:
    from engine.accompaniment.accompanist import Accompanist, AccompanyConfig
    from engine.accompaniment.config import SchedulerConfig
    from engine.accompaniment.ensemble import Ensemble
    from engine.accompaniment.parts import Accompaniment, AccompanimentPart, Players, read_accompaniment
    from engine.accompaniment.scheduler import Introduction, Scheduled, Scheduler
    from engine.accompaniment.stage_config import StageConfig
    from engine.accompaniment.synthesiser import Synthesiser
    from engine.accompaniment.synthesiser_config import SynthesiserConfig
    from engine.accompaniment.tempo.pace import Pace
    from engine.accompaniment.tempo_curve import RehearsedTake, TempoCurve, expected_score
    from engine.accompaniment.touch_config import TouchConfig
else:
    __getattr__ = lazy(__name__)

__all__ = [
    "Accompaniment",
    "AccompanimentPart",
    "Accompanist",
    "AccompanyConfig",
    "Ensemble",
    "Introduction",
    "Pace",
    "Players",
    "RehearsedTake",
    "Scheduled",
    "Scheduler",
    "SchedulerConfig",
    "StageConfig",
    "Synthesiser",
    "SynthesiserConfig",
    "TempoCurve",
    "TouchConfig",
    "expected_score",
    "read_accompaniment",
]
