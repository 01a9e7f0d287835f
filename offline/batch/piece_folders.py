"""Find the folders of pieces below a folder, each with its files, and what is left out and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

from engine.audio.suffixes import is_audio
from engine.core.errors import AudioFileError, EngineError, printable
from offline.following.score_input import SCORE_SUFFIXES

__all__ = ["EvaluationPiece", "FoundPieces", "PieceCounts", "each_judged", "find_pieces", "folders_left_out"]

TRUTH, PERFORMANCE = "truth.csv", "performance"
SHOWN_FOLDERS = 6
T = TypeVar("T")
R = TypeVar("R")


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


@dataclass(frozen=True, slots=True)
class PieceCounts:
    """What became of the pieces of a folder.

    left_out: what is to say of folders that were left out; empty if there are none
    """

    done: int
    failed: int
    left_out: str


@dataclass(frozen=True, slots=True)
class FoundPieces:
    """What was found.

    pieces: in order of their folders' names
    lacking: what each folder that was left out lacks, by its name
    """

    pieces: list[EvaluationPiece] = field(default_factory=list)
    lacking: dict[str, str] = field(default_factory=dict)

    def judged(self, judge: Callable[[EvaluationPiece], R], say: Callable[[str], None]) -> list[R]:
        """Return what comes of each piece, as `each_judged`."""
        return each_judged(self.pieces, judge, attrgetter("name"), unit="piece", say=say)

    def counts(self, failed: int) -> PieceCounts:
        """Return what became of them, if so many failed."""
        return PieceCounts(len(self.pieces) - failed, failed, folders_left_out(self.lacking))


def find_pieces(folder: Path, audio: str = PERFORMANCE) -> FoundPieces:
    """Find every folder that holds a score, a recording and its truth: the folder itself, or folders in it.

    A folder in one that is itself a piece is left out without a word if it has none of the three. AudioFileError if
    there is no piece.
    audio: name of the recording, without its suffix
    """
    found = FoundPieces()
    for place in (folder, *sorted(folder.glob("*/"))):
        files = _files(place, audio)
        missing = [name for name, path in files.items() if path is None]
        if not missing:
            found.pieces.append(EvaluationPiece(name=place.resolve().name, **_keywords(files)))
        elif place != folder and (len(missing) < len(files) or not _is_first(found.pieces, folder)):
            found.lacking[place.name] = f"no {', '.join(missing)}"
    if not found.pieces:
        expected = f"folders with score.*, {audio}.* and {TRUTH}"
        got = folders_left_out(found.lacking) or "none"
        remedy = "`collaparte demo` writes one" if audio == PERFORMANCE else "name a folder of pieces, or one piece"
        raise AudioFileError(str(folder), expected=expected, got=got, remedy=remedy)
    return found


def each_judged(
    items: Sequence[T], judge: Callable[[T], R], name: Callable[[T], str], *, unit: str, say: Callable[[str], None]
) -> list[R]:
    """Return what comes of each item, with progress; one that fails is said, by its name, and has no outcome."""
    outcomes: list[R] = []
    for item in tqdm(items, unit=unit, leave=False):
        try:
            outcomes.append(judge(item))
        except EngineError as error:
            say(f"collaparte: {error.about(name(item))}")
    return outcomes


def _files(place: Path, audio: str) -> dict[str, Path | None]:
    """Return the files of a piece by what they are called for messages, None for those that are not there."""
    scores = (path for path in sorted(place.glob("score.*")) if path.suffix.lower() in SCORE_SUFFIXES)
    takes = (path for path in sorted(place.glob(f"{audio}.*")) if is_audio(path))
    truth = place / TRUTH
    return {"score": next(scores, None), audio: next(takes, None), TRUTH: truth if truth.is_file() else None}


def _keywords(files: Mapping[str, Path | None]) -> dict[str, Path]:
    return {name: path for name, path in zip(("score", "performance", "truth"), files.values(), strict=True) if path}


def _is_first(pieces: list[EvaluationPiece], folder: Path) -> bool:
    return bool(pieces) and pieces[0].truth.parent == folder


def folders_left_out(lacking: Mapping[str, str]) -> str:
    """Return what is said of the folders that were left out, by what they lack; empty if there are none."""
    if not lacking:
        return ""
    shown = [f"{printable(name)}: {why}" for name, why in list(lacking.items())[:SHOWN_FOLDERS]]
    if others := len(lacking) - len(shown):
        shown.append(f"{others} others")
    return f"{len(lacking)} left out ({'; '.join(shown)})"
