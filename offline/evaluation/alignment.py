"""Evaluate whole-file alignment over a folder of pieces with their truth."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from engine.score.score_config import ScoreConfig
from offline.alignment.alignment import AlignConfig, Alignment, align
from offline.batch.piece_folders import EvaluationPiece, PieceCounts
from offline.evaluation.following import TrackingMethod, evaluate_tracks
from offline.evaluation.onsets import PositionTrack
from offline.following.score_input import read_score_or_recording
from offline.recording import Recording

__all__ = ["align_piece", "evaluate_alignment", "track_of_alignment"]


def evaluate_alignment(
    folder: Path,
    config: AlignConfig | None = None,
    *,
    reading: ScoreConfig | None = None,
    csv: Path | None = None,
    plots: Path | None = None,
    say: Callable[[str], None] = print,
) -> PieceCounts:
    """Evaluate `align` as `evaluate_tracks` does."""
    return evaluate_tracks(folder, align_piece(config or AlignConfig(), reading), csv=csv, plots=plots, say=say)


def align_piece(config: AlignConfig, reading: ScoreConfig | None = None) -> TrackingMethod:
    """Return a method that aligns a piece by this config."""

    def method(piece: EvaluationPiece) -> PositionTrack:
        recording = Recording.open(piece.performance)
        score = read_score_or_recording(piece.score, recording.format, config.follow, reading)
        return track_of_alignment(align(score, recording, config))

    return method


def track_of_alignment(alignment: Alignment) -> PositionTrack:
    """Return the onsets that were played, in order of time."""
    played = np.isfinite(alignment.audio_s)
    order = np.argsort(alignment.audio_s[played], kind="stable")
    return PositionTrack(*(of[played][order] for of in (alignment.audio_s, alignment.quarter, alignment.confidence)))
