"""Evaluate live following, or another method, over a folder of pieces with their truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from engine.audio.suffixes import is_audio
from engine.core.errors import AudioFileError, EngineError
from engine.core.format import AudioFormat
from engine.following.follower import FollowConfig
from engine.pipeline.pipeline import PipelineConfig
from engine.score.score_config import ScoreConfig
from offline.batch.file_job import FileJob, run_file
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
from offline.following.score_input import SCORE_SUFFIXES, read_score_input

__all__ = ["EvaluationPiece", "TrackingMethod", "evaluate_tracks", "find_pieces", "follow_piece"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationPiece:
    """One piece.

    name: of its folder
    score: .musicxml, .mxl or .mid
    performance: audio
    truth: truth.csv with columns quarter,audio_s
    """

    name: str
    score: Path
    performance: Path
    truth: Path


TrackingMethod = Callable[[EvaluationPiece], PositionTrack]  # returns the score position over the performance's time


def find_pieces(folder: Path) -> list[EvaluationPiece]:
    """Find every folder that holds a score, a performance and its truth: the folder itself, or folders in it."""
    pieces = [piece for place in (folder, *sorted(folder.glob("*/"))) if (piece := _piece(place)) is not None]
    if not pieces:
        expected = "folders with score.*, performance.* and truth.csv"
        raise AudioFileError(str(folder), expected=expected, got="none", remedy="`collaparte demo` writes one")
    return pieces


def _piece(place: Path) -> EvaluationPiece | None:
    scores = [path for path in sorted(place.glob("score.*")) if path.suffix.lower() in SCORE_SUFFIXES]
    takes = [path for path in sorted(place.glob("performance.*")) if is_audio(path)]
    truth = place / "truth.csv"
    if not (scores and takes and truth.is_file()):
        return None
    return EvaluationPiece(name=place.resolve().name, score=scores[0], performance=takes[0], truth=truth)


def evaluate_tracks(
    folder: Path,
    method: TrackingMethod,
    *,
    csv: Path | None = None,
    plots: Path | None = None,
    say: Callable[[str], None] = print,
) -> int:
    """Track every piece of the folder; print a table for each protocol, and the mean of each group of names.

    A group is the part of a piece's name before the first underscore.
    csv: file for the tables, written anew after every piece
    plots: folder for a picture of each piece's path and errors
    Returns how many pieces failed: their onsets count as never found.
    """
    n_failed = 0
    results: dict[str, dict[str, Accuracy]] = {protocol: {} for protocol in PROTOCOLS}
    for piece in tqdm(find_pieces(folder), unit="piece", leave=False):
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
    return n_failed


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
