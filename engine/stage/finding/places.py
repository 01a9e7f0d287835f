"""Every place of every piece that may be played, in one row of events with the pitches that sound there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.score.score import SAME_ONSET, Score

__all__ = ["LOWEST", "N_PITCHES", "PitchSets", "Places", "places_of"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.int32]  # half the width is half the memory that a search reads at random
Pitches = npt.NDArray[np.int16]

LOWEST, N_PITCHES = 24, 84  # MIDI number of the first pitch that is looked at, and how many there are
LAST_S = 1.0  # score seconds that a last event lasts, so that resting there is not free
SHORTEST_S = 0.02  # score seconds that any event lasts
HELD = 1e-3  # quarters by which a note must reach into an event to sound there
RINGS_S = 1.5  # score seconds for which a note that has ended may ring on, by pedal or room


class PitchSets(NamedTuple):
    """Distinct sets of pitches: set i has pitch[start[i] : start[i + 1]], counted from `LOWEST`."""

    start: Numbers
    pitch: Pitches


class Places(NamedTuple):
    """The events of all pieces, one piece after the other.

    chord, onset: (event) number of what sounds there, and of the set that begins there
    chords, rings: sets that sound, and those that may ring on beside them, both by the number of a chord
    onsets: sets that begin
    with_pitch, having: onset sets that have pitch i are having[with_pitch[i] : with_pitch[i + 1]]
    with_onset, holder: events whose onset is set i are holder[with_onset[i] : with_onset[i + 1]]
    length_s: (event) until the next, seconds of score
    piece: (event) number of its piece
    bar: (event) number of the printed bar that it lies in, the same each time that it is played
    quarter: (event) its place in the score
    first: (piece + 1) its first event, and that of the next
    """

    chord: Numbers
    onset: Numbers
    chords: PitchSets
    rings: PitchSets
    onsets: PitchSets
    with_pitch: Numbers
    having: Numbers
    with_onset: Numbers
    holder: Numbers
    length_s: Floats
    piece: Numbers
    bar: Numbers
    quarter: Floats
    first: Ints


def places_of(scores: Sequence[Score]) -> Places:
    """Compute the places of the scores."""
    n_events = [len(score.onset_quarter) for score in scores]
    sets = [_sets(score) for score in scores]
    ringing = (_ringing(score, *each) for score, each in zip(scores, sets, strict=True))
    chord, (chords, rings) = _numbered(
        zip(chain.from_iterable(sounding for sounding, _ in sets), chain.from_iterable(ringing), strict=True)
    )
    onset, (onsets,) = _numbered((each,) for each in chain.from_iterable(begun for _, begun in sets))
    return Places(
        chord=chord,
        onset=onset,
        chords=chords,
        rings=rings,
        onsets=onsets,
        with_pitch=np.concatenate([[0], np.cumsum(np.bincount(onsets.pitch, minlength=N_PITCHES))]).astype(np.int32),
        having=np.repeat(np.arange(len(onsets.start) - 1), np.diff(onsets.start))[
            np.argsort(onsets.pitch, kind="stable")
        ].astype(np.int32),
        with_onset=np.concatenate([[0], np.cumsum(np.bincount(onset))]).astype(np.int32),
        holder=np.argsort(onset, kind="stable").astype(np.int32),
        length_s=np.concatenate([_lengths(score) for score in scores]),
        piece=np.repeat(np.arange(len(scores)), n_events).astype(np.int32),
        bar=_bars(scores),
        quarter=np.concatenate([score.onset_quarter for score in scores]),
        first=np.concatenate([[0], np.cumsum(n_events)]).astype(np.int64),
    )


def _lengths(score: Score) -> Floats:
    steps = np.diff(score.seconds(score.onset_quarter))
    return np.asarray(np.maximum(np.append(steps, LAST_S), SHORTEST_S), np.float64)


def _sets(score: Score) -> tuple[list[frozenset[int]], list[frozenset[int]]]:
    """Return of each event the pitches that sound, and those that begin."""
    onsets = score.onset_quarter
    first = np.searchsorted(onsets, score.note_quarter + SAME_ONSET, side="right") - 1
    last = np.searchsorted(onsets, score.note_quarter + score.note_duration - HELD, side="left") - 1
    pitches = score.note_pitch - LOWEST
    sounding: list[set[int]] = [set() for _ in onsets]
    begun: list[set[int]] = [set() for _ in onsets]
    for start, end, pitch in zip(first.tolist(), last.tolist(), pitches.tolist(), strict=True):
        if 0 <= pitch < N_PITCHES:
            begun[start].add(pitch)
            for event in range(start, max(start, end) + 1):
                sounding[event].add(pitch)
    return list(map(frozenset, sounding)), list(map(frozenset, begun))


def _ringing(score: Score, sounding: list[frozenset[int]], begun: list[frozenset[int]]) -> list[frozenset[int]]:
    """Return of each event the pitches that sound no more, but began not long ago."""
    at_s = score.seconds(score.onset_quarter)
    first = np.searchsorted(at_s, at_s - RINGS_S).tolist()
    return [frozenset().union(*begun[first[i] : i]) - now for i, now in enumerate(sounding)]


def _numbered(rows: Iterable[tuple[frozenset[int], ...]]) -> tuple[Numbers, list[PitchSets]]:
    """Number the distinct rows of sets, and return the number of each, and the sets by number."""
    known: dict[tuple[frozenset[int], ...], int] = {}
    number = np.array([known.setdefault(each, len(known)) for each in rows], np.int32)
    return number, [_packed(sets) for sets in zip(*known, strict=True)]


def _packed(sets: Sequence[frozenset[int]]) -> PitchSets:
    start = np.concatenate([[0], np.cumsum([len(each) for each in sets])]).astype(np.int32)
    return PitchSets(start, np.array([pitch for each in sets for pitch in sorted(each)], np.int16))


def _bars(scores: Sequence[Score]) -> Numbers:
    rows, n_before = [], 0
    for score in scores:
        at = np.searchsorted(score.bar_quarter, score.onset_quarter + SAME_ONSET, side="right") - 1
        known, number = np.unique(score.bar_place, return_inverse=True)
        rows.append(n_before + number[np.maximum(at, 0)])
        n_before += len(known)
    return np.concatenate(rows).astype(np.int32)
