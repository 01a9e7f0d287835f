"""Measures of a written piece that tell music from noise, drones and single notes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from offline.music.piece import Piece

__all__ = ["DRUM_MEASURES", "NOTE_MEASURES", "Measure", "measure_notes"]

MAJOR = (0, 2, 4, 5, 7, 9, 11)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One measure.

    name: as the tables write it
    text: what it is, with its unit
    step: what makes a difference to a listener, in its unit: the least width of a kernel in its density
    """

    name: str
    text: str
    step: float


NOTE_MEASURES = (
    Measure(name="notes", text="notes that begin in a bar", step=0.5),
    Measure(name="polyphony", text="notes that sound at once, where any does", step=0.1),
    Measure(name="range", text="semitones from the lowest to the highest note", step=1.0),
    Measure(name="scale", text="share of notes in the one major scale that holds most", step=0.02),
    Measure(name="entropy", text="entropy of the twelve pitch classes, bits", step=0.1),
    Measure(name="same bars", text="share of bars that repeat an earlier one", step=0.05),
    Measure(name="same notes", text="share of notes that repeat the pitch before in their voice", step=0.03),
    Measure(name="leaps", text="mean interval of the other moves, semitones", step=0.2),
    Measure(name="silence", text="share of the time in which nothing sounds", step=0.02),
)
DRUM_MEASURES = tuple(one for one in NOTE_MEASURES if one.name in ("notes", "polyphony", "same bars", "silence"))


def measure_notes(piece: Piece) -> dict[str, float]:
    """Return the value of every measure by name; of an empty piece silence is 1 and the rest 0."""
    values = {one.name: 0.0 for one in NOTE_MEASURES} | {"silence": 1.0}
    if not len(piece.notes):
        return values
    return {name: float(value(piece)) for name, value in VALUES.items()}


def _notes_a_bar(piece: Piece) -> float:
    return len(piece.notes) * piece.steps_per_bar / max(piece.n_steps, 1)


def _sounding(piece: Piece) -> np.ndarray:
    """Return how many notes sound at each step."""
    edges = np.zeros(piece.n_steps + 1, np.int64)
    ends = np.minimum(piece.notes["onset"] + piece.notes["duration"], piece.n_steps)
    np.add.at(edges, np.minimum(piece.notes["onset"], piece.n_steps), 1)
    np.add.at(edges, ends, -1)
    return np.cumsum(edges)[:-1]


def _polyphony(piece: Piece) -> float:
    sounding = _sounding(piece)
    return float(sounding.sum() / max(np.count_nonzero(sounding), 1))


def _range(piece: Piece) -> float:
    return float(np.ptp(piece.notes["pitch"].astype(int)))


def _classes(piece: Piece) -> np.ndarray:
    """Return the share of notes of each pitch class."""
    return np.bincount(piece.notes["pitch"] % 12, minlength=12) / len(piece.notes)


def _scale(piece: Piece) -> float:
    shares = _classes(piece)
    return float(max(shares[[(root + step) % 12 for step in MAJOR]].sum() for root in range(12)))


def _entropy(piece: Piece) -> float:
    shares = _classes(piece)
    shares = shares[shares > 0]
    return float(-(shares * np.log2(shares)).sum())


def _same_bars(piece: Piece) -> float:
    """Return the share of bars with notes, after the first, whose onsets and pitches an earlier bar has."""
    n = piece.steps_per_bar
    bars: dict[int, list[tuple[int, int, int]]] = {}
    for note in piece.notes:
        bar, place = divmod(int(note["onset"]) - piece.pickup, n)
        bars.setdefault(bar, []).append((place, int(note["voice"]), int(note["pitch"])))
    known, same = set(), 0
    for number in sorted(bars):
        content = tuple(sorted(bars[number]))
        same += content in known
        known.add(content)
    return same / max(len(bars) - 1, 1)


def _moves(piece: Piece) -> np.ndarray:
    """Return the intervals between successive onsets of each voice, of several notes at once the highest."""
    moves = [np.zeros(0, np.int64)]
    for voice in np.unique(piece.notes["voice"]):
        notes = piece.notes[piece.notes["voice"] == voice]
        order = np.lexsort((-notes["pitch"], notes["onset"]))
        _, first = np.unique(notes["onset"][order], return_index=True)
        moves.append(np.diff(notes["pitch"][order][first].astype(np.int64)))
    return np.concatenate(moves)


def _same_notes(piece: Piece) -> float:
    moves = _moves(piece)
    return float((moves == 0).mean()) if len(moves) else 0.0


def _leaps(piece: Piece) -> float:
    moves = _moves(piece)
    return float(np.abs(moves[moves != 0]).mean()) if moves.any() else 0.0


def _silence(piece: Piece) -> float:
    return float((_sounding(piece) == 0).mean())


VALUES: dict[str, Callable[[Piece], float]] = dict(
    zip(
        (one.name for one in NOTE_MEASURES),
        (_notes_a_bar, _polyphony, _range, _scale, _entropy, _same_bars, _same_notes, _leaps, _silence),
        strict=True,
    )
)
