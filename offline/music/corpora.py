"""The corpora that systems learn from, published or a user's own, as the representations that systems read."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from engine.core.errors import ScoreError, warn_about
from offline.music.catalogue import CORPORA, ROLL_SPLITS
from offline.music.chorale_split import divide
from offline.music.codecs import AbcTokens, Roll
from offline.music.own_corpus import OWN_FILE, OwnCorpus, OwnPiece, by_height, load_own, voices_of
from offline.music.own_uses import blues_of, groove_of
from offline.music.piece import Piece, from_grid, to_grid
from offline.music.piece_sets import load_pieces
from offline.music.roll_sets import Split, load_chorales, load_rolls
from offline.music.rules import CHORUS, blues, grooves

__all__ = ["Corpora"]

TUNES, CHORALES, SIGNED = (CORPORA[name].file for name in ("tunes", "chorales", "signed chorales"))
N_VOICES = 4
EVERY = 10  # of a user's pieces one in so many validates, and one tests
KEYS_OF_A_PIANO = Roll(low=21, high=108, articulate=False)
Each = TypeVar("Each")


class Corpora:
    """The corpora of a folder, or a user's own in a file corpus.npz, read when they are needed.

    A folder with a corpus.npz and none of the published files is that corpus.
    """

    def __init__(self, place: Path) -> None:
        self.folder = place if place.suffix != ".npz" else place.parent
        self._named = place if place.suffix == ".npz" else None

    @cached_property
    def own(self) -> OwnCorpus | None:
        """The user's own corpus, if that is what this is."""
        if self._named is not None:
            return load_own(self._named)
        alone = not any((self.folder / row.file).exists() for row in CORPORA.values() if row.file)
        path = self.folder / OWN_FILE
        return load_own(path) if alone and path.exists() else None

    @property
    def text(self) -> str | None:
        """What the user's own corpus is; None where the corpora are published ones."""
        return None if self.own is None else self.own.text

    def fit(self, what: str, read: Callable[[OwnPiece], Each | None]) -> dict[str, list[Each]]:
        """Return what is made of each of the user's pieces by split; None is left out; ScoreError if nothing is left.

        what: which pieces are fit, for messages
        """
        assert self.own is not None
        found = [each for piece in self.own.pieces if (each := read(piece)) is not None]
        n, where = len(self.own.pieces), str(self._named or self.folder / OWN_FILE)
        if len(found) < 2:
            remedy = "`collaparte data` tells what each corpus is fit for"
            raise ScoreError(where, expected=f"two pieces or more {what}", got=f"{len(found)} of {n}", remedy=remedy)
        if len(found) < n:
            warn_about(where, f"{n - len(found)} of {n} pieces left out: not {what}")
        return _split(found)

    @cache  # noqa: B019 - lives as long as the process
    def chorales(self) -> Split:
        """Read the chorales, or music in four voices, at sixteenths, (frame, 4) of pitches."""
        if self.own is None:
            return load_chorales(self._path(CHORALES))
        pieces = self.fit("of four voices of one note each", lambda own: voices_of(own.piece, N_VOICES))
        return {split: [to_grid(piece, N_VOICES)[0] for piece in part] for split, part in pieces.items()}

    @property
    def signs_known(self) -> bool:
        """Return whether the scores with ties and fermatas are there."""
        return self.own is not None or (self.folder / SIGNED).exists()

    @cache  # noqa: B019
    def signed_chorales(self) -> dict[str, list[Piece]]:
        """Read the chorales with ties, fermatas and metre where chorales.npz is there, else from the grid."""
        if self.own is not None:
            return self.fit("of four voices of one note each", lambda own: voices_of(own.piece, N_VOICES))
        published = self.chorales()
        if self.signs_known:
            return divide(load_pieces(self.folder / SIGNED), published)
        return {split: [from_grid(frames) for frames in pieces] for split, pieces in published.items()}

    @cache  # noqa: B019
    def grids(self) -> Split:
        """Read any music with pitches as a grid (frame, column): the voices of chorales, else by height."""
        if self.own is None:
            return self.chorales()
        return self.fit("with a pitch", lambda own: by_height(own.piece) if len(own.piece.notes) else None)

    def melodies(self) -> Split:
        """Return the highest voice of `grids`, (frame, 1)."""
        return {split: [frames[:, :1] for frames in pieces] for split, pieces in self.grids().items()}

    @cache  # noqa: B019
    def pieces(self) -> dict[str, list[Piece]]:
        """Read any music with pitches as pieces on the sixteenth grid."""
        if self.own is None:
            return {split: [from_grid(frames) for frames in pieces] for split, pieces in self.chorales().items()}
        return self.fit("with a pitch", lambda own: own.piece if len(own.piece.notes) else None)

    def pitches(self, low: int, high: int) -> tuple[int, int]:
        """Return the lowest and the highest pitch of rolls: those given for chorales, else what the music needs."""
        if self.own is None:
            return low, high
        pitches = np.concatenate([own.piece.notes["pitch"] for own in self.own.pieces])
        return (int(pitches.min()), int(pitches.max())) if len(pitches) else (low, high)

    @cache  # noqa: B019
    def rolls(self, name: str) -> Split:
        """Read a set of Boulanger-Lewandowski, or any music, at quarters: (step, 88)."""
        if self.own is None:
            return load_rolls(self._path(name + ".mat"))
        code = KEYS_OF_A_PIANO.encode
        return {split: [code(p)[::4].astype(np.uint8) for p in part] for split, part in self.pieces().items()}

    @cache  # noqa: B019
    def tunes(self) -> tuple[AbcTokens, Split]:
        """Read tunes as tokens: every tenth validates, every tenth tests; the vocabulary is of all."""
        if self.own is not None:
            texts = self.fit("written in ABC", lambda own: list(own.tokens) or None)
            codec = AbcTokens.of([tune for part in texts.values() for tune in part])
            return codec, {split: [codec.encode(tune) for tune in part] for split, part in texts.items()}
        with self._path(TUNES).open(encoding="utf8") as file:
            tunes = json.load(file)
        codec = AbcTokens.of(tunes)
        split: Split = {name: [] for name in ROLL_SPLITS}
        for i, tune in enumerate(tunes):
            split[{0: "valid", 1: "test"}.get(i % 10, "train")].append(codec.encode(tune))
        return codec, split

    @cache  # noqa: B019
    def _own_grooves(self) -> dict[str, list[tuple[np.ndarray, np.ndarray]]]:
        return self.fit("with drums", groove_of)

    def groove(self, split: str, rng: np.random.Generator, n_bars: int = 8) -> tuple[np.ndarray, np.ndarray]:
        """Draw drum tokens (step,) and their conditions (step, 22): made by rule, or of the user's own."""
        if self.own is None:
            return grooves(rng, n_bars)
        tokens, condition = _stretch(self._own_grooves()[split], 16 * n_bars, rng)
        return tokens, condition

    @cache  # noqa: B019
    def _own_choruses(self) -> dict[str, list[tuple[np.ndarray]]]:
        return self.fit("with a pitch", blues_of)

    def chorus(self, split: str, rng: np.random.Generator, *, melody: bool) -> np.ndarray:
        """Draw twelve bars of eighths as bits (96, 25), or 12 of chords alone: made by rule, or of the user's own."""
        if self.own is None:
            return blues(rng, melody=melody)
        roll = _stretch(self._own_choruses()[split], CHORUS, rng)[0]
        return roll if melody else roll[:, :12]

    def _path(self, name: str) -> Path:
        path = self.folder / name
        if not path.exists():
            remedy = "collaparte data music21 -o FOLDER" if name == TUNES else "docs/data.md says where to get it"
            raise ScoreError(str(path), expected="a corpus", got="no such file", remedy=remedy)
        return path


def _split(pieces: Sequence[Any]) -> dict[str, list[Any]]:
    """Divide a user's pieces: every tenth validates, every tenth tests; of fewer the last validates."""
    split: dict[str, list[Any]] = {name: [] for name in ROLL_SPLITS}
    for i, piece in enumerate(pieces):
        split[{EVERY - 1: "valid", EVERY - 2: "test"}.get(i % EVERY, "train")].append(piece)
    if not split["valid"]:
        split["valid"].append((split["test"] or split["train"]).pop())
    return split


def _stretch(pieces: list[Any], length: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Draw a stretch of the arrays of one piece from a bar line on; a short piece is repeated."""
    arrays = pieces[int(rng.integers(len(pieces)))]
    n = len(arrays[0])
    start = 16 * int(rng.integers(max((n - length) // 16, 0) + 1))
    places = (start + np.arange(length)) % n
    return tuple(array[places] for array in arrays)
