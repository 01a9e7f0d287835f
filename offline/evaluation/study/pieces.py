"""The pieces of a study: what systems write, and what people wrote, of one length and tempo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engine.core.errors import ConfigError
from offline.generation.config import GeneratorConfig
from offline.generation.open_system import open_generator, system_of
from offline.generation.stream import collect
from offline.music.codecs import Roll
from offline.music.corpora import Corpora
from offline.music.midi_file import read_midi
from offline.music.piece import NOTE, Piece

__all__ = ["HUMAN", "StudyPiece", "at_quarters", "human_pieces", "pieces_of"]

HUMAN = "human"
VELOCITY = 80
KEYS = Roll(low=0, high=127, articulate=False)
PATTERNS = ("*.mid", "*.midi")


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyPiece:
    """One piece.

    system: who wrote it: a system's name, or HUMAN
    origin: the seed, the file, or the number in the corpus
    percussion: whether it is played by drums
    """

    system: str
    origin: str
    piece: Piece
    percussion: bool = False


def pieces_of(model: str, seeds: range, *, bars: int, tempo_bpm: float, data: Path | None = None) -> list[StudyPiece]:
    """Let a system, or a file that `train generation` wrote, write a piece for each seed."""
    system, found = system_of(model), []
    if system.sound:
        raise ConfigError("--models", expected="systems that write notes", got=system.name)
    for seed in seeds:
        generator = open_generator(model, GeneratorConfig(seed=seed), data)
        piece = collect(generator, bars * 4 * generator.steps_per_quarter)
        percussion = bool(generator.percussion)
        found.append(
            StudyPiece(
                system=system.name, origin=f"seed {seed}", piece=_as_played(piece, tempo_bpm), percussion=percussion
            )
        )
    return found


def human_pieces(place: Path, n: int, rng: np.random.Generator, *, bars: int, tempo_bpm: float) -> list[StudyPiece]:
    """Draw beginnings of pieces by people, of the test split of a corpus or of a folder of MIDI files.

    ConfigError where fewer than n are long enough.
    """
    found = sorted(path for pattern in PATTERNS for path in place.glob(pattern)) if place.is_dir() else []
    if found:
        names: list[str] = [path.name for path in found]
        read: Callable[[int], Piece] = lambda i: read_midi(found[i])  # noqa: E731
    else:
        test = Corpora(place).pieces()["test"]
        names = [f"test {i}" for i in range(len(test))]
        read = test.__getitem__
    drawn = []
    for i in rng.permutation(len(names)):
        piece = read(int(i))
        n_steps = bars * 4 * piece.steps_per_quarter
        if piece.n_steps >= n_steps:
            piece = _as_played(_beginning(piece, n_steps), tempo_bpm)
            drawn.append(StudyPiece(system=HUMAN, origin=names[i], piece=piece))
        if len(drawn) == n:
            return drawn
    raise ConfigError(str(place), expected=f"{n} pieces of {bars} bars or more", got=str(len(drawn)))


def _beginning(piece: Piece, n_steps: int) -> Piece:
    notes = piece.notes[piece.notes["onset"] < n_steps].copy()
    notes["duration"] = np.minimum(notes["duration"], n_steps - notes["onset"])
    return replace(piece, notes=notes.astype(NOTE), n_steps=n_steps, fermatas=piece.fermatas[piece.fermatas < n_steps])


def _as_played(piece: Piece, tempo_bpm: float) -> Piece:
    """Return a piece at the tempo of the study, all notes equally loud, so that only what is written differs."""
    notes = piece.notes.copy()
    notes["velocity"] = VELOCITY
    return replace(piece, notes=notes, tempo_bpm=tempo_bpm)


def at_quarters(found: StudyPiece) -> StudyPiece:
    """Return a piece as it sounds at each quarter, what stays the same tied: all that a coarse system could write."""
    piece = found.piece
    coarse = KEYS.decode(KEYS.encode(piece)[:: piece.steps_per_quarter])
    coarse = replace(coarse, steps_per_quarter=1, tempo_bpm=piece.tempo_bpm)
    return replace(found, piece=_as_played(coarse, piece.tempo_bpm))
