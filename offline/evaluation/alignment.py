"""Whole-file alignment over a folder of pieces, compared with their truth."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from offline.alignment.alignment import AlignConfig, Alignment, align
from offline.evaluation.following import Method, Piece, evaluate_folder
from offline.evaluation.onsets import Track
from offline.following.score_input import read_score_or_recording
from offline.recording import Recording

__all__ = ["align_piece", "evaluate_alignment", "track_of_alignment"]


def evaluate_alignment(
    folder: Path,
    config: AlignConfig | None = None,
    *,
    csv: Path | None = None,
    plots: Path | None = None,
    say: Callable[[str], None] = print,
) -> None:
    """As `evaluate_folder`, by `align`."""
    evaluate_folder(folder, align_piece(config or AlignConfig()), csv=csv, plots=plots, say=say)


def align_piece(config: AlignConfig) -> Method:
    """A method that aligns a piece by this config."""

    def method(piece: Piece) -> Track:
        recording = Recording.open(piece.performance)
        score = read_score_or_recording(piece.score, recording.format, config.follow)
        return track_of_alignment(align(score, recording, config))

    return method


def track_of_alignment(alignment: Alignment) -> Track:
    """The onsets that were played, in order of time."""
    played = np.isfinite(alignment.audio_s)
    order = np.argsort(alignment.audio_s[played], kind="stable")
    return Track(alignment.audio_s[played][order], alignment.quarter[played][order])
