"""Live following over a folder of pieces: each streamed through the pipeline and compared with its truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from engine.errors import AudioFileError, EngineError
from engine.follow.follower import FollowConfig
from engine.format import AudioFormat
from engine.io.files import is_audio
from engine.pipelines import PipelineConfig
from offline.evaluate.alignment import (
    PROTOCOLS,
    Accuracy,
    evaluate,
    format_table,
    mean_accuracy,
    read_truth,
    track_of,
    write_table,
)
from offline.job import FileJob, run_file
from offline.score_input import SCORE_SUFFIXES, read_score_input

__all__ = ["Piece", "evaluate_folder", "find_pieces"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One piece: score (.musicxml, .mxl, .mid), performance (audio) and truth.csv (quarter,audio_s)."""

    name: str
    score: Path
    performance: Path
    truth: Path


def find_pieces(folder: Path) -> list[Piece]:
    """The folder itself, or every folder in it, that holds a score, a performance and its truth."""
    pieces = [piece for place in (folder, *sorted(folder.glob("*/"))) if (piece := _piece(place)) is not None]
    if not pieces:
        expected = "folders with score.*, performance.* and truth.csv"
        raise AudioFileError(str(folder), expected=expected, got="none", remedy="`collaparte demo` writes one")
    return pieces


def _piece(place: Path) -> Piece | None:
    scores = [path for path in sorted(place.glob("score.*")) if path.suffix.lower() in SCORE_SUFFIXES]
    takes = [path for path in sorted(place.glob("performance.*")) if is_audio(path)]
    truth = place / "truth.csv"
    if not (scores and takes and truth.is_file()):
        return None
    return Piece(name=place.resolve().name, score=scores[0], performance=takes[0], truth=truth)


def evaluate_folder(folder: Path, *, csv: Path | None = None, say: Callable[[str], None] = print) -> None:
    """Follow every piece of the folder; print a table by each protocol, and the mean of each group of names.

    A group is what stands before the first underscore in a piece's name. csv: the first-reach table as a file.
    """
    results: dict[str, dict[str, Accuracy]] = {protocol: {} for protocol in PROTOCOLS}
    for piece in tqdm(find_pieces(folder), unit="piece", leave=False):
        try:
            found = evaluate_piece(piece)
        except EngineError as error:
            say(f"collaparte: {error}")
            continue
        for protocol, result in found.items():
            results[protocol][piece.name] = result
    for protocol, pieces in results.items():
        say(f"\n{protocol}: percent of score onsets within so many ms")
        say(format_table(pieces | _groups(pieces)))
    if csv is not None:
        write_table(csv, results["first reach"])


def evaluate_piece(piece: Piece) -> dict[str, Accuracy]:
    """Accuracy by each protocol of the live pipeline on one piece."""
    follow = FollowConfig()

    def configure(audio: AudioFormat) -> PipelineConfig:
        return PipelineConfig(score=read_score_input(piece.score, audio, follow), follow=follow)

    report = run_file(FileJob(input=piece.performance, configure=configure, show=False, keep=True))
    return evaluate(track_of(report.positions, report.audio.sample_rate), *read_truth(piece.truth))


def _groups(pieces: dict[str, Accuracy]) -> dict[str, Accuracy]:
    members: dict[str, list[Accuracy]] = {}
    for name, result in pieces.items():
        members.setdefault(name.partition("_")[0], []).append(result)
    return {f"mean of {name}": mean_accuracy(group) for name, group in members.items() if len(group) > 1}
