"""The pieces of a folder: read once, kept by content, the same music known as the same."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from engine.core.errors import ScoreError
from engine.score.readers import SUFFIXES
from engine.score.score import Score
from engine.stage.finding.score_cache import default_cache, read_cached

__all__ = ["IndexedPiece", "PieceIndex"]

GRID = 48  # steps a quarter to which onsets are rounded
SHINGLE = 4  # successive events that are compared
ALIKE = 0.8  # share of the shorter piece's shingles by which two pieces are editions of one

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedPiece:
    """A piece.

    id: of its content and file name, hexadecimal
    name: of its file in the folder, without the suffix
    score: as read
    edition: number that all editions of the same music share
    """

    id: str
    name: str
    score: Score
    edition: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceIndex:
    """The pieces in which to find what is played.

    pieces: in the order of their names
    unread: of each file that could not be read, the reason, one line each
    """

    pieces: tuple[IndexedPiece, ...]
    unread: tuple[str, ...] = ()

    @classmethod
    def build(
        cls, folder: str | Path, cache: Path | None = None, on_progress: Progress = lambda done, all_: None
    ) -> PieceIndex:
        """Read the scores below a folder, those that have not been read before; ScoreError if there is none.

        cache: folder of what has been read, None for the user's own
        on_progress: called with the number of files done and of all
        """
        paths = sorted(_score_files(Path(folder)))
        read: list[tuple[str, str, Score]] = []
        unread: list[str] = []
        for done, path in enumerate(paths, 1):
            try:
                known, score = read_cached(path, cache or default_cache())
                read.append((known, path.relative_to(folder).with_suffix("").as_posix(), score))
            except (ScoreError, OSError) as error:
                unread.append(str(error))
            on_progress(done, len(paths))
        if not read:
            got = unread[0] if unread else "none"
            raise ScoreError(str(folder), expected="scores, " + ", ".join(SUFFIXES), got=got)
        return cls.of(read, unread)

    @classmethod
    def of(cls, read: list[tuple[str, str, Score]], unread: list[str] | None = None) -> PieceIndex:
        """Make an index of scores with their ids and names."""
        editions = _editions([score for _, _, score in read])
        rows = zip(read, editions, strict=True)
        pieces = (IndexedPiece(id=known, name=name, score=score, edition=n) for (known, name, score), n in rows)
        return cls(pieces=tuple(pieces), unread=tuple(unread or ()))

    def __getitem__(self, known: str) -> IndexedPiece:
        """Return the piece of this id; KeyError if there is none."""
        return next(piece for piece in self.pieces if piece.id == known)


def _score_files(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        raise ScoreError(str(folder), expected="a folder of scores", got="a file" if folder.exists() else "nothing")
    for path in folder.rglob("*"):
        if path.suffix.lower() in SUFFIXES and path.is_file() and not path.name.startswith("."):
            yield path


def _editions(scores: list[Score]) -> list[int]:
    """Number the scores so that those of the same music have the same number: they share most of their shingles."""
    shingles = [_shingles(score) for score in scores]
    holders: dict[int, list[int]] = {}
    editions = list(range(len(scores)))
    for i, own in enumerate(shingles):
        shared: dict[int, int] = {}
        for shingle in own:
            for other in holders.setdefault(shingle, []):
                shared[other] = shared.get(other, 0) + 1
            holders[shingle].append(i)
        for other, n in shared.items():
            if n >= ALIKE * max(min(len(own), len(shingles[other])), 1):
                editions[i] = editions[other]
                break
    return editions


def _shingles(score: Score) -> set[int]:
    """Return a hash of every few successive events: their pitches, and the quarters between them."""
    onset = np.round(score.onset_quarter * GRID).astype(np.int64)
    events = np.searchsorted(score.onset_quarter, score.note_quarter, side="right") - 1
    bounds = np.searchsorted(events, np.arange(len(onset) + 1))
    chords = [score.note_pitch[a:b].tobytes() for a, b in pairwise(bounds)]
    steps = [step.tobytes() for step in np.diff(onset)]
    last = max(len(chords) - SHINGLE, 0) + 1
    return {_hash(b"".join(chords[i : i + SHINGLE] + steps[i : i + SHINGLE - 1])) for i in range(last)}


def _hash(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest())
