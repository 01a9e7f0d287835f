"""A user's music as a corpus: pieces on the sixteenth grid, their drums and tunes, in one file corpus.npz."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from engine.core.errors import ScoreError
from offline.music.piece import NOTE, REST, Piece, from_grid

__all__ = ["OWN_FILE", "OwnCorpus", "OwnPiece", "by_height", "is_corpus", "load_own", "save_own", "voices_of"]

OWN_FILE = "corpus.npz"
FORMAT = 1
OVERLAPS = 0.05  # share of a voice's notes that may overlap the next, by sloppy playing
FIELDS = ("n_steps", "beats_per_bar", "beat_unit", "pickup", "tempo_bpm")


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPiece:
    """One piece.

    title: its file, and its number there
    piece: what has a pitch, on the sixteenth grid
    drums: NOTE records of its drums, pitches are General MIDI keys
    programs: General MIDI instrument of each voice, from 0; None where nothing tells
    tokens: its ABC tokens; empty where it was not written in ABC
    """

    title: str
    piece: Piece
    drums: np.ndarray
    programs: tuple[int | None, ...] = ()
    tokens: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCorpus:
    """A corpus.

    source: "midi", "abc" or "musicxml"
    licence: of the music, as its owner says
    """

    source: str
    licence: str
    pieces: tuple[OwnPiece, ...]

    @property
    def text(self) -> str:
        """Return what it is, for a card."""
        return f"{len(self.pieces)} pieces of a user's own ({self.source}); licence: {self.licence}"


def save_own(path: Path, corpus: OwnCorpus) -> None:
    """Pack a corpus."""
    rows = [_described(own) for own in corpus.pieces]
    head = {"format": FORMAT, "source": corpus.source, "licence": corpus.licence, "pieces": rows}
    no_notes = np.zeros(0, NOTE)
    np.savez_compressed(
        path,
        head=np.array(json.dumps(head)),
        notes=np.concatenate([no_notes, *(own.piece.notes for own in corpus.pieces)]),
        drums=np.concatenate([no_notes, *(own.drums for own in corpus.pieces)]),
        fermatas=np.concatenate([np.zeros(0, np.int32), *(own.piece.fermatas for own in corpus.pieces)]),
    )


def _described(own: OwnPiece) -> dict[str, Any]:
    piece = own.piece
    return {
        "title": own.title,
        "names": piece.names,
        "programs": own.programs,
        "tokens": own.tokens,
        "counts": (len(piece.notes), len(own.drums), len(piece.fermatas)),
        **{name: getattr(piece, name) for name in FIELDS},
    }


def is_corpus(path: Path) -> bool:
    """Return whether a file .npz is a user's own corpus."""
    try:
        with np.load(path) as file:
            return "head" in file.files
    except (OSError, ValueError):
        return False


def load_own(path: Path) -> OwnCorpus:
    """Read a file of `save_own`; ScoreError if it is something else."""
    try:
        with np.load(path) as file:
            packed = {name: file[name] for name in ("head", "notes", "drums", "fermatas")}
        head = json.loads(str(packed["head"]))
        if head["format"] != FORMAT:
            raise ValueError(f"format {head['format']}")
        return OwnCorpus(source=head["source"], licence=head["licence"], pieces=tuple(_pieces(head["pieces"], packed)))
    except (OSError, ValueError, KeyError, TypeError) as error:
        remedy = "collaparte data midi|abc|musicxml FOLDER -o DIR writes one"
        raise ScoreError(
            str(path), expected="a corpus of this program", got=" ".join(str(error).split())[:80], remedy=remedy
        ) from error


def _pieces(rows: list[dict[str, Any]], packed: dict[str, np.ndarray]) -> list[OwnPiece]:
    ends = np.cumsum([row["counts"] for row in rows], axis=0)[:-1]
    arrays = [np.split(packed[name], ends[:, i]) for i, name in enumerate(("notes", "drums", "fermatas"))]
    return [
        OwnPiece(
            title=row["title"],
            piece=Piece(
                notes=notes, fermatas=fermatas, names=tuple(row["names"]), **{name: row[name] for name in FIELDS}
            ),
            drums=drums,
            programs=tuple(row["programs"]),
            tokens=tuple(row["tokens"]),
        )
        for row, notes, drums, fermatas in zip(rows, *arrays, strict=True)
    ]


def by_height(piece: Piece) -> np.ndarray:
    """Return a grid (step, column) of what sounds, the highest note first, -1 where fewer notes sound."""
    sounding: list[set[int]] = [set() for _ in range(piece.n_steps)]
    for note in piece.notes:
        for step in range(int(note["onset"]), min(int(note["onset"] + note["duration"]), piece.n_steps)):
            sounding[step].add(int(note["pitch"]))
    grid = np.full((piece.n_steps, max([1, *map(len, sounding)])), REST, np.int16)
    for row, pitches in zip(grid, sounding, strict=True):
        row[: len(pitches)] = sorted(pitches, reverse=True)
    return grid


def voices_of(piece: Piece, n_voices: int) -> Piece | None:
    """Return the piece with its voices from the highest down; None unless it has `n_voices` of one note at a time.

    Where the file has other voices, but nearly always `n_voices` notes sound at once, these are the voices, by height.
    """
    voices = np.unique(piece.notes["voice"])
    lines = [np.sort(piece.notes[piece.notes["voice"] == voice], order=["onset"]) for voice in voices]
    if len(voices) != n_voices or any(map(_overlaps, lines)):
        return _from_chords(piece, n_voices)
    order = sorted(range(n_voices), key=lambda i: -float(lines[i]["pitch"].mean()))
    for place, i in enumerate(order):
        lines[i]["voice"] = place
    names = tuple(piece.names[int(voices[i])] for i in order) if len(piece.names) > int(voices[-1]) else ()
    return replace(piece, notes=np.sort(np.concatenate(lines), order=["onset", "voice", "pitch"]), names=names)


def _overlaps(line: np.ndarray) -> bool:
    return bool((line["onset"][1:] < (line["onset"] + line["duration"])[:-1]).sum() > OVERLAPS * len(line))


def _from_chords(piece: Piece, n_voices: int) -> Piece | None:
    grid = by_height(piece)
    sounding = (grid != REST).sum(axis=1)
    full = np.count_nonzero(sounding == n_voices)
    if not full or full < (1 - OVERLAPS) * np.count_nonzero(sounding):
        return None
    return replace(from_grid(grid[:, :n_voices]), **{name: getattr(piece, name) for name in (*FIELDS, "fermatas")})
