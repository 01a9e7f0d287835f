"""Converter of music21's corpus: four-part chorales with ties, fermatas and metre, and tunes in ABC.

Nothing of the corpus is kept in this project; the extra `data` brings it, and this file turns it into arrays.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from music21 import corpus, expressions, note, stream

from offline.music.abc_file import read_abc
from offline.music.piece import Piece, make_notes
from offline.music.piece_sets import save_pieces

__all__ = ["chorales", "convert_music21", "tunes"]

STEPS_PER_QUARTER = 4
TUNES = ("ryansMammoth", "oneills1850")
MIN_TOKENS, MAX_TOKENS = 40, 600
RARE = 10


def chorales(n_most: int | None = None) -> Iterator[Piece]:
    """Read every four-part chorale on the sixteenth grid, soprano first, ties joined."""
    done = 0
    for score in corpus.chorales.Iterator(returnType="stream"):
        if n_most is not None and done >= n_most:
            return
        piece = chorale(score)
        if piece is not None:
            done += 1
            yield piece


def chorale(score: stream.Score) -> Piece | None:
    """Read one chorale; None unless it has four parts, one metre of quarters, and no note off the grid."""
    parts = list(score.parts)
    metres = {m.ratioString for m in score.recurse().getElementsByClass("TimeSignature")}
    if len(parts) != 4 or len(metres) != 1:
        return None
    rows, fermatas = [], set()
    for voice, part in enumerate(parts):
        read = _read_part(part.flatten(), voice)
        if read is None:
            return None
        rows += read[0]
        fermatas |= read[1]
    beats, unit = (int(number) for number in next(iter(metres)).split("/"))
    pickup = _steps(parts[0].getElementsByClass(stream.Measure)[0].duration.quarterLength) or 0
    full = STEPS_PER_QUARTER * 4 * beats // unit
    return Piece(
        notes=make_notes(rows),
        n_steps=max(onset + duration for onset, duration, _, _ in rows),
        beats_per_bar=beats,
        beat_unit=unit,
        pickup=pickup % full,
        fermatas=np.array(sorted(fermatas), np.int32),
        names=("Soprano", "Alto", "Tenor", "Bass"),
    )


def _read_part(flat: stream.Stream, voice: int) -> tuple[list[tuple[int, int, int, int]], set[int]] | None:
    rows, fermatas = [], set()
    for element in flat.stripTies().notes:
        if not isinstance(element, note.Note):
            return None
        onset, duration = _steps(element.offset), _steps(element.duration.quarterLength)
        if onset is None or not duration:
            return None
        rows.append((onset, duration, element.pitch.midi, voice))
        if any(isinstance(sign, expressions.Fermata) for sign in element.expressions):
            fermatas |= set(range(onset, onset + duration))
    return (rows, fermatas) if rows else None


def _steps(quarters: float | Fraction) -> int | None:
    """Return quarters as steps; None off the grid."""
    steps = float(quarters) * STEPS_PER_QUARTER
    return round(steps) if abs(steps - round(steps)) < 1e-6 else None


def tunes() -> list[tuple[str, list[str]]]:
    """Read the single-voice tunes of Ryan's and O'Neill's collections: name and ABC tokens.

    Left out: what has a token that the corpus has fewer than 10 times, and what was there before in the same notes.
    """
    paths = [Path(path) for folder in TUNES for path in sorted(corpus.getComposer(folder))]
    found = [tune for path in paths for tune in _tunes_of(path)]
    counts = Counter(token for _, tokens in found for token in tokens)
    unique = {tuple(tokens): name for name, tokens in reversed(found)}
    common = [(name, list(t)) for t, name in unique.items() if min(counts[token] for token in t) >= RARE]
    return sorted(common)


def _tunes_of(path: Path) -> Iterator[tuple[str, list[str]]]:
    for number, tokens, _ in read_abc(path):
        if MIN_TOKENS <= len(tokens) <= MAX_TOKENS:
            yield f"{path.stem}.{number}", tokens


def convert_music21(folder: Path, *, n_chorales: int | None = None) -> str:
    """Write tunes.json and chorales.npz into a folder, in about 40 CPU seconds; return what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    found = [tokens for _, tokens in tunes()]
    (folder / "tunes.json").write_text(json.dumps(found), encoding="utf8")
    pieces = list(chorales(n_chorales))
    save_pieces(folder / "chorales.npz", pieces)
    return f"{len(found)} tunes, {len(pieces)} chorales of {sum(p.n_steps for p in pieces)} sixteenths"
