"""Align a recording of the accompaniment with its parts, before it plays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from engine.accompaniment.backing.backing_map import Backing
from engine.accompaniment.backing.config import GlideConfig
from engine.accompaniment.parts import Accompaniment
from engine.core.errors import EngineError, warn_about
from engine.score.score import Score
from offline.alignment.alignment import AlignConfig, align
from offline.recording import Recording

__all__ = ["align_backing", "played_score"]

NOTES = ("note_quarter", "note_duration", "note_pitch", "note_velocity", "note_id")


def played_score(both: Accompaniment) -> Score:
    """Return the notes of all parts that are played as one score."""
    parts = [part.score for part in both.parts]
    order = np.argsort(np.concatenate([part.note_quarter for part in parts]), kind="stable")
    notes: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts])[order] for name in NOTES}
    return replace(parts[0], **notes)


def align_backing(
    both: Accompaniment, path: Path, glide: GlideConfig | None = None, config: AlignConfig | None = None
) -> Backing:
    """Return the recording with the second at which each onset of the accompaniment sounds in it.

    EngineError if it is a recording of something else; a warning for onsets that it does not have.
    """
    score, recording = played_score(both), Recording.open(path)
    result = align(score, recording, config)
    if not result.fits:
        remedy = "check that it is a recording of this piece, without the solo"
        raise EngineError(str(path), expected=f"music of {score.name}", got="what hardly sounds like it", remedy=remedy)
    for shortfall in recording.shortfalls:
        warn_about(str(path), shortfall)
    quarter = np.unique(result.quarter)
    audio_s = np.array([_first_time(result.audio_s[result.quarter == q]) for q in quarter])
    if missing := int(np.isnan(audio_s).sum()):
        warn_about(str(path), f"{missing} of {len(quarter)} onsets of the accompaniment are not in it: silence there")
    return Backing(path=path, quarter=quarter, audio_s=audio_s, glide=glide or GlideConfig())


def _first_time(audio_s: np.ndarray) -> float:
    """Return the first of the times at which an onset sounds; NaN if it never does."""
    return float(next(iter(audio_s[np.isfinite(audio_s)]), np.nan))
