"""Accompaniment of recorded soloists."""

from typing import TYPE_CHECKING

from engine.core.lazy import lazy

if TYPE_CHECKING:
    from offline.accompaniment.accompany import AccompanyJob, AccompanyReport, accompany_file, write_scheduled
    from offline.accompaniment.backing import align_backing, played_score
    from offline.accompaniment.rehearsals import RehearsedScore, read_rehearsed, rehearse
    from offline.accompaniment.tempo_curves import read_tempo_curve, write_tempo_curve
else:
    __getattr__ = lazy(__name__)

__all__ = [
    "AccompanyJob",
    "AccompanyReport",
    "RehearsedScore",
    "accompany_file",
    "align_backing",
    "played_score",
    "read_rehearsed",
    "read_tempo_curve",
    "rehearse",
    "write_scheduled",
    "write_tempo_curve",
]
