"""Evaluate live following, or another method, over a folder of pieces with their truth."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from tqdm import tqdm

from engine.core.errors import EngineError
from engine.core.format import AudioFormat
from engine.following.follower import FollowConfig
from engine.pipeline.pipeline import PipelineConfig
from engine.score.score_config import ScoreConfig
from offline.batch.file_job import FileJob, run_file
from offline.batch.piece_folders import EvaluationPiece, PieceCounts, find_pieces
from offline.evaluation.onsets import (
    PROTOCOLS,
    Accuracy,
    PositionTrack,
    evaluate_track,
    format_table,
    mean_accuracy,
    read_truth,
    track_of,
    write_table,
)
from offline.evaluation.plots import draw_track
from offline.following.score_input import read_score_input

__all__ = ["TrackingMethod", "evaluate_tracks", "follow_piece"]


TrackingMethod = Callable[[EvaluationPiece], PositionTrack]  # returns the score position over the performance's time


def evaluate_tracks(
    folder: Path,
    method: TrackingMethod,
    *,
    csv: Path | None = None,
    plots: Path | None = None,
    say: Callable[[str], None] = print,
) -> PieceCounts:
    """Track every piece of the folder; print a table for each protocol, and the mean of each group of names.

    A group is the part of a piece's name before the first underscore.
    csv: file for the tables, written anew after every piece
    plots: folder for a picture of each piece's path and errors
    The onsets of pieces that fail count as never found.
    """
    n_failed, found = 0, find_pieces(folder)
    results: dict[str, dict[str, Accuracy]] = {protocol: {} for protocol in PROTOCOLS}
    for piece in tqdm(found.pieces, unit="piece", leave=False):
        truth = read_truth(piece.truth)
        try:
            track = method(piece)
        except EngineError as error:
            say(f"collaparte: {error.about(piece.name)}")
            n_failed += 1
            track = PositionTrack(np.zeros(0), np.zeros(0))
        for protocol, result in evaluate_track(track, *truth).items():
            results[protocol][piece.name] = result
        if plots is not None:
            draw_track(plots / f"{piece.name}.png", recordings=[], track=track, truth=truth)
        if csv is not None:
            write_table(csv, results)
    tables = {protocol: pieces | _summary(pieces) for protocol, pieces in results.items()}
    for protocol, table in tables.items():
        say(f"\n{protocol}: percent of score onsets within N ms")
        say(format_table(table))
    if csv is not None:
        write_table(csv, tables)
    return found.counts(n_failed)


def follow_piece(follow: FollowConfig, reading: ScoreConfig | None = None) -> TrackingMethod:
    """Return a method that takes the positions of the live pipeline."""

    def method(piece: EvaluationPiece) -> PositionTrack:
        def configure(audio: AudioFormat) -> PipelineConfig:
            return PipelineConfig(score=read_score_input(piece.score, audio, follow, reading), follow=follow)

        report = run_file(FileJob(input=piece.performance, configure=configure, keep=True))
        return track_of(report.positions, report.audio.sample_rate)

    return method


def _summary(pieces: dict[str, Accuracy]) -> dict[str, Accuracy]:
    """Return the mean of each group of names and of all."""
    members: dict[str, list[Accuracy]] = {}
    for name, result in pieces.items():
        members.setdefault(name.partition("_")[0], []).append(result)
    groups = {f"mean of {name}": mean_accuracy(group) for name, group in members.items() if len(group) > 1}
    return groups | ({"mean": mean_accuracy(list(pieces.values()))} if len(pieces) > 1 else {})
