"""Excerpts of equal length out of a corpus, in the representation of a system, and what they measure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from offline.evaluation.music.note_measures import DRUM_MEASURES, NOTE_MEASURES, Measure, measure_notes
from offline.evaluation.music.sound_measures import SOUND_MEASURES, measure_sound
from offline.generation.systems import System
from offline.music.corpora import Corpora
from offline.music.piece import Piece
from offline.music.rules import sound_of
from offline.music.views import VIEWS

__all__ = ["excerpts_of", "measures_of", "reference_values", "table_of"]

ENOUGH = 20  # excerpts from which on pieces need not be joined
SOUND, DRUMS = "sound", "grooves"
N_SOUNDS, SOUND_FRAMES = 60, 27  # of sixteenths of .15 s: 4.05 s


def measures_of(system: System) -> tuple[Measure, ...]:
    """Return the measures that apply to what a system writes."""
    return {SOUND: SOUND_MEASURES, DRUMS: DRUM_MEASURES}.get(system.view, NOTE_MEASURES)


def excerpts_of(pieces: list[Piece], quarters: int) -> list[Piece]:
    """Return the beginning of every piece that is long enough; where these are few, all pieces one after another, cut.

    Systems that write short pieces, tunes or grooves, write one after another too.
    """
    long = [cut(piece, 0, quarters) for piece in pieces if piece.n_steps >= quarters * piece.steps_per_quarter]
    return long if len(long) >= ENOUGH else _joined(pieces, quarters)


def cut(piece: Piece, first: int, quarters: int) -> Piece:
    """Return a stretch of a piece from step `first` on; notes are cut at its end."""
    n, notes = quarters * piece.steps_per_quarter, piece.notes
    notes = notes[(notes["onset"] >= first) & (notes["onset"] < first + n)].copy()
    notes["onset"] -= first
    notes["duration"] = np.minimum(notes["duration"], n - notes["onset"])
    return replace(piece, notes=notes, n_steps=n, fermatas=np.zeros(0, np.int32))


def _joined(pieces: list[Piece], quarters: int) -> list[Piece]:
    """Return stretches of pieces of one metre after another; what is left at the end of each metre is left out."""
    out = []
    for metre in sorted({(piece.beats_per_bar, piece.beat_unit) for piece in pieces}):
        same = [piece for piece in pieces if (piece.beats_per_bar, piece.beat_unit) == metre]
        starts = np.cumsum([0, *(piece.n_steps for piece in same)])
        notes = [piece.notes.copy() for piece in same]
        for part, start in zip(notes, starts, strict=False):
            part["onset"] += start
        whole = replace(same[0], notes=np.concatenate(notes), n_steps=int(starts[-1]), pickup=0)
        n = quarters * whole.steps_per_quarter
        out += [cut(whole, first, quarters) for first in range(0, whole.n_steps - n + 1, n)]
    return out


def reference_values(corpora: Corpora, system: System, split: str, quarters: int, rate: int) -> np.ndarray:
    """Return the measures (excerpt, measure) of one split of a system's corpus.

    rate: of sound, Hz
    """
    if system.view == SOUND:
        grids = corpora.grids()[split][:N_SOUNDS]
        sounds = [sound_of(frames[:SOUND_FRAMES], rate) for frames in grids]
        return table_of([measure_sound(sound, rate) for sound in sounds], measures_of(system))
    excerpts = excerpts_of(VIEWS[system.view](corpora, split), quarters)
    return table_of([measure_notes(piece) for piece in excerpts], measures_of(system))


def table_of(values: list[dict[str, float]], measures: tuple[Measure, ...]) -> np.ndarray:
    """Return values by name as an array (row, measure)."""
    return np.array([[row[one.name] for one in measures] for row in values]).reshape(-1, len(measures))
