"""Whole-file alignment: when each onset of a score sounds in a recording."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.config import require
from engine.errors import EngineError
from engine.follow.follower import FollowConfig, follow_frames
from engine.follow.oltw import SearchConfig
from engine.follow.reference import Reference, reference_from_score
from engine.follow.score import Score
from offline.recording import Recording
from offline.trace import Trace, trace

__all__ = ["AlignConfig", "Alignment", "align", "write_alignment"]

Floats = npt.NDArray[np.float64]
WIDE = SearchConfig(entries=16, beam=80.0, reach=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignConfig:
    """follow: features, evidence, tempo and search as in live following, the search wider by default; finish: nats
    by which a path must be better that ends before the score does.
    """

    follow: FollowConfig = field(default_factory=lambda: FollowConfig(search=WIDE))
    finish: float = 30.0

    def __post_init__(self) -> None:
        require("finish", self.finish, 0.0, 10_000.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Alignment:
    """One row a distinct onset of the score, in order.

    quarter, score_s: where, quarters and seconds at the score's own tempo; audio_s: when it sounds, rising, NaN if
    the recording ends before; heard: False where the onset itself was not found and its time is between its
    neighbours'; trust: 0 to 1, how well the score fits at all.
    """

    quarter: Floats
    score_s: Floats
    audio_s: Floats
    heard: npt.NDArray[np.bool_]
    trust: float


def align(score: Score | Reference, recording: Recording, config: AlignConfig | None = None) -> Alignment:
    """Align a score, or a reference of the recording's frames, with the recording; bounded memory.

    EngineError if no onset of the score was heard.
    """
    config = config or AlignConfig()
    reference = _reference(score, recording, config.follow)
    return _alignment(reference, trace(reference, recording, config.follow, finish=config.finish), recording)


def _reference(score: Score | Reference, recording: Recording, follow: FollowConfig) -> Reference:
    if isinstance(score, Reference):
        return score
    return reference_from_score(score, follow_frames(recording.format, follow), follow.features, follow.piano)


def _alignment(reference: Reference, path: Trace, recording: Recording) -> Alignment:
    if not len(path.event):
        remedy = "check that it is a recording of this piece"
        raise EngineError(recording.name, expected=f"music of {reference.name}", got="none", remedy=remedy)
    audio_s = np.interp(reference.score_s, reference.score_s[path.event], path.audio_s)
    audio_s[: path.event[0]] = np.nan
    audio_s[path.event[-1] + 1 :] = np.nan
    heard = np.zeros(len(audio_s), bool)
    heard[path.event] = True
    return Alignment(
        quarter=reference.quarter, score_s=reference.score_s, audio_s=audio_s, heard=heard, trust=path.trust
    )


def write_alignment(path: str | Path, alignment: Alignment) -> None:
    """CSV with header quarter,score_s,audio_s: a row a distinct onset, in order; audio_s empty where never played."""
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("quarter", "score_s", "audio_s"))
        for row in zip(alignment.quarter, alignment.score_s, alignment.audio_s, strict=True):
            writer.writerow([f"{x:.6f}" if np.isfinite(x) else "" for x in row])
