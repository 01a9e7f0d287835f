"""The paths of a search through the places of all pieces, and its numbers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.stage.finding.places import Places

__all__ = [
    "BASE",
    "BEGUN_S",
    "DEAD",
    "DUE_S",
    "ENTRY_S",
    "EVENT",
    "FULL",
    "LATELY",
    "LATELY_S",
    "PERIOD",
    "SIGMA_S",
    "STEPS",
    "TOTAL",
    "VARIANCE",
    "FilterNumbers",
    "Paths",
    "new_paths",
    "restart_paths",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

DEAD = -1e18
LATELY_S = 5.0  # time constant of what counts as of late
ROOM = 36_000  # paths of a tuning, with those that a group adds


class FilterNumbers(NamedTuple):
    """Numbers of the search, nats where nothing else is said; tuned as `benchmarks` tells.

    group_s: seconds a group
    price: of beginning anywhere
    off_price: of another tuning than 440 Hz, more for every half semitone
    lead: largest lead over nowhere
    beam, below: distance below the best, and below a path that begins now, at which paths are dropped
    sounds, begins: weight of what sounds and of what begins: groups, and pitches, are not independent
    first: weight of what sounds where a path begins
    skip: price of skipping an event
    free: least log density of an event's timing
    rate: onsets a second of "nowhere"
    jitter_s: standard deviation of an onset's timing, seconds
    spread: variance of the log tempo around the score's at the start
    drift: variance of the log tempo gained in a second
    most_tempo: largest log tempo, up and down
    overdue: price of waiting on, for every standard deviation after the next event was due
    clear: least log likelihood ratio, together, of the onsets that are heard now, at which paths begin
    fit: least log likelihood ratio of an onset at which paths begin
    most: largest number of paths that begin in a group
    alive: largest number of paths that are kept in the mean, of all tunings
    crowd: largest number that is kept for a while, at first
    saved: largest number that is kept above `alive`, summed over groups, before as many fewer have been kept
    """

    group_s: float
    price: float = 12.0
    off_price: float = 1.0
    lead: float = 18.0
    beam: float = 21.0
    below: float = 3.0
    sounds: float = 0.07
    begins: float = 0.4
    first: float = 0.2
    skip: float = 4.0
    free: float = -4.0
    rate: float = 4.0
    jitter_s: float = 0.035
    spread: float = 0.25
    drift: float = 0.01
    most_tempo: float = 1.1
    overdue: float = 1.0
    clear: float = 2.0
    fit: float = 0.0
    most: int = 700
    alive: int = 1500
    crowd: int = 3000
    saved: int = 50_000


TOTAL, BASE, FULL, LATELY, BEGUN_S, ENTRY_S, DUE_S, SIGMA_S, PERIOD, VARIANCE, STEPS, EVENT = range(12)


class Paths(NamedTuple):
    """State: at most one path for each tuning and event.

    rows: (tuning, path, 12) each path, in order of its event; TOTAL and BASE: log likelihood ratio over nowhere, now
        and when it began, nats; FULL, LATELY: what a path could have gained before it began, in all and of late, nats;
        BEGUN_S: when it began; ENTRY_S, DUE_S, SIGMA_S: when it came to its event, when the next is due, and the
        standard deviation of that; PERIOD, VARIANCE: log of played seconds a score second; STEPS: events entered since
        it began; EVENT
    spare: (path, 12) scratch
    row: (tuning, event) its path, -1 for none
    n: (tuning) paths
    begins, begins_told: (onset set) log likelihood ratio of each onset, nats, and the group in which it was computed
    likely: (onset set) scratch: the sets in which a pitch is heard to begin
    listed: (onset set) the group in which a set was put among them
    sounds, told: (chord) as `begins` and `begins_told`, of each chord
    fits, starts: (event) scratch: how well the events at which paths may begin fit, nats, and which they are
    gained: (4) what a path could have gained by now, nats; number of the group, counted for each tuning; the total
        below which paths are dropped, nats; what a path could have gained of late, before this group, nats
    best: (2) tuning and event of the best path, -1 for none
    spent: (1) paths that were kept above `alive`, less those that were not kept below it, summed over groups
    """

    rows: Floats
    spare: Floats
    row: npt.NDArray[np.int32]
    n: Ints
    begins: Floats
    begins_told: Floats
    likely: Ints
    listed: Floats
    fits: Floats
    starts: Ints
    sounds: Floats
    told: Floats
    gained: Floats
    best: Ints
    spent: Ints


def new_paths(places: Places, n_tunings: int) -> Paths:
    """Allocate the paths; `restart_paths` initialises them."""
    n_chords = len(places.chords.start) - 1
    return Paths(
        rows=np.zeros((n_tunings, ROOM, EVENT + 1)),
        spare=np.zeros((ROOM, EVENT + 1)),
        row=np.zeros((n_tunings, len(places.piece)), np.int32),
        n=np.zeros(n_tunings, np.int64),
        begins=np.zeros(len(places.onsets.start) - 1),
        begins_told=np.zeros(len(places.onsets.start) - 1),
        likely=np.zeros(len(places.onsets.start) - 1, np.int64),
        listed=np.zeros(len(places.onsets.start) - 1),
        fits=np.zeros(len(places.onset)),
        starts=np.zeros(len(places.onset), np.int64),
        sounds=np.zeros(n_chords),
        told=np.zeros(n_chords),
        gained=np.zeros(4),
        best=np.zeros(2, np.int64),
        spent=np.zeros(1, np.int64),
    )


def restart_paths(paths: Paths) -> None:
    """Begin without any path."""
    paths.row[:] = -1
    paths.best[:] = -1
    for array in (paths.n, paths.told, paths.begins_told, paths.listed, paths.gained, paths.spent):
        array[...] = 0
    paths.gained[2] = DEAD
