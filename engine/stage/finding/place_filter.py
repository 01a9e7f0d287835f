"""Follow every place of every piece at once, coarsely: one path for each event of all scores, at each tuning.

A Viterbi search over semi-Markov states: a path waits in an event for the next or the one after, in the tempo that it
has estimated itself, or begins at any event whose onset is heard. Log likelihood ratios are against "nowhere" of
`engine.stage.finding.pitch_evidence`: noise, speech and other music fit that as well as they fit any score. A path
never leads nowhere by more than a limit, so that another piece can take its place within seconds.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.core.arrays import F64, I64
from engine.stage.finding.pitch_evidence import BINS_A_PITCH, N_BINS, Evidence
from engine.stage.finding.places import N_PITCHES, Places

__all__ = ["FilterNumbers", "Paths", "add_group", "new_paths", "restart_paths"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

DEAD = -1e18
BINS = 100
ROOM = 36_000  # paths of a tuning, with those that a group adds
SAME_ONSET = 2.5  # groups within which an onset that is heard may be one and the same


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
    most: int = 2000
    alive: int = 3000
    crowd: int = 6000
    saved: int = 100_000


TOTAL, BASE, FULL, ENTRY_S, DUE_S, SIGMA_S, PERIOD, VARIANCE, STEPS, EVENT = range(10)


class Paths(NamedTuple):
    """State: at most one path for each tuning and event.

    rows: (tuning, path, 10) each path, in order of its event; TOTAL and BASE: log likelihood ratio over nowhere, now
        and when it began, nats; FULL: what a path could have gained before it began, nats; ENTRY_S, DUE_S, SIGMA_S:
        when it came to its event, when the next is due, and the standard deviation of that; PERIOD, VARIANCE: log of
        played seconds a score second; STEPS: events entered since it began; EVENT
    spare: (path, 10) scratch
    row: (tuning, event) its path, -1 for none
    n: (tuning) paths
    begins, begins_told: (onset set) log likelihood ratio of each onset, nats, and the group in which it was computed
    likely: (onset set) scratch: the sets in which a pitch is heard to begin
    listed: (onset set) the group in which a set was put among them
    sounds, told: (chord) as `begins` and `begins_told`, of each chord
    fits, starts: (event) scratch: how well the events at which paths may begin fit, nats, and which they are
    gained: (3) what a path could have gained by now, nats; number of the group, counted for each tuning; the total
        below which paths are dropped, nats
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
        gained=np.zeros(3),
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


@njit(nogil=True, cache=True)
def add_group(
    paths: Paths,
    heard: Evidence,
    now_s: float,
    places: Places,
    tunings: I64,
    open_: I64,
    muted: I64,
    numbers: FilterNumbers,
) -> None:
    """Process a group.

    now_s: time of the group, seconds
    tunings: (tuning) half semitones
    open_: (tuning) 1 where paths may begin
    muted: (piece) 1 where none may begin or go on
    """
    chord, onset = heard.full_chord - heard.any_chord, heard.full_onset - heard.any_onset
    paths.gained[0] += numbers.sounds * heard.news * chord + numbers.begins * onset
    best = DEAD
    paths.best[:] = -1
    n_old = paths.n.copy()
    begins = heard.full_onset >= numbers.clear
    for k in range(len(tunings)):
        paths.gained[1] += 1
        for i in range(n_old[k] - 1, -1, -1):
            _go_on(paths, k, i, heard, now_s, places, tunings[k], numbers)
        price = numbers.price + abs(tunings[k]) * numbers.off_price
        if begins and open_[k] and numbers.begins * onset + numbers.first * chord >= paths.gained[2] + price:
            n_likely = _hear_onsets(paths, heard, places, tunings[k], numbers)
            _begin(paths, k, now_s, n_likely, heard, places, price, tunings[k], muted, numbers)
        for i in range(paths.n[k]):
            if paths.rows[k, i, TOTAL] > best:
                best = paths.rows[k, i, TOTAL]
                paths.best[0], paths.best[1] = k, int(paths.rows[k, i, EVENT])
    over = max(best - numbers.lead, 0.0)
    floor = max(best - numbers.beam, -numbers.price - numbers.below)
    room = min(max(numbers.alive + numbers.saved - paths.spent[0], numbers.alive), numbers.crowd)
    floor = _crowded(paths, floor, best, room)
    paths.gained[2] = floor - over
    for k in range(len(tunings)):
        _prune(paths, k, n_old[k], floor, over, muted, places)
    paths.spent[0] = max(paths.spent[0] + paths.n.sum() - numbers.alive, 0)


@njit(nogil=True, cache=True)
def _crowded(paths: Paths, floor: float, best: float, most: int) -> float:
    """Return the floor, raised so far that about `most` paths are above it."""
    if paths.n.sum() <= most:
        return floor
    counts, width = np.zeros(BINS, np.int64), max(best - floor, 1e-9) / BINS
    for k in range(len(paths.n)):
        for i in range(paths.n[k]):
            if paths.rows[k, i, TOTAL] >= floor:
                counts[min(int((paths.rows[k, i, TOTAL] - floor) / width), BINS - 1)] += 1
    n = 0
    for i in range(BINS - 1, 0, -1):
        n += counts[i]
        if n + counts[i - 1] > most:
            return floor + i * width
    return floor


@njit(nogil=True, cache=True)
def _hear_onsets(paths: Paths, heard: Evidence, places: Places, tuning: int, numbers: FilterNumbers) -> int:
    """Compute the log likelihood ratio of every onset that has a pitch that is heard to begin; return how many."""
    n = 0
    for pitch in range(N_PITCHES):
        place = BINS_A_PITCH * pitch + tuning
        if not 0 <= place < N_BINS or heard.begins[place] <= 0:
            continue
        for i in range(places.with_pitch[pitch], places.with_pitch[pitch + 1]):
            number = places.having[i]
            if paths.listed[number] != paths.gained[1]:
                paths.listed[number] = paths.gained[1]
                _beginning(paths, heard, places, number, tuning, numbers)
                paths.likely[n] = number
                n += 1
    return n


@njit(nogil=True, cache=True)
def _beginning(paths: Paths, heard: Evidence, places: Places, onset: int, tuning: int, numbers: FilterNumbers) -> float:
    """Return the log likelihood ratio of an onset."""
    if paths.begins_told[onset] != paths.gained[1]:
        ratio = _ratio(heard.begins, places.onsets.start, places.onsets.pitch, onset, tuning)
        paths.begins_told[onset] = paths.gained[1]
        paths.begins[onset] = numbers.begins * (ratio - heard.any_onset)
    return paths.begins[onset]


@njit(nogil=True, cache=True)
def _ratio(each: F64, start: I64, pitch: I64, number: int, tuning: int) -> float:
    """Return the sum of the ratios (bin) of a set of pitches."""
    total = 0.0
    for i in range(start[number], start[number + 1]):
        place = BINS_A_PITCH * pitch[i] + tuning
        total += each[place] if 0 <= place < N_BINS else -2.0
    return total


@njit(nogil=True, cache=True)
def _sounding(paths: Paths, heard: Evidence, places: Places, event: int, tuning: int, numbers: FilterNumbers) -> float:
    """Return the log likelihood ratio of the event's chord."""
    chord = places.chord[event]
    if paths.told[chord] != paths.gained[1]:
        ratio = _ratio(heard.sounds, places.chords.start, places.chords.pitch, chord, tuning)
        ratio += _ratio(heard.rings, places.rings.start, places.rings.pitch, chord, tuning)
        paths.told[chord] = paths.gained[1]
        paths.sounds[chord] = numbers.sounds * heard.news * (ratio - heard.any_chord)
    return paths.sounds[chord]


@njit(nogil=True, cache=True)
def _go_on(
    paths: Paths, k: int, i: int, heard: Evidence, now_s: float, places: Places, tuning: int, numbers: FilterNumbers
) -> None:
    """Let a path enter one of the next two events, then wait."""
    path = paths.rows[k, i]
    event = int(path[EVENT])
    waited_s, due_s, sigma_s, price = now_s - path[ENTRY_S], path[DUE_S], path[SIGMA_S], 0.0
    for after in range(event + 1, min(event + 3, places.first[places.piece[event] + 1])):
        if after > event + 1:
            more_s = places.length_s[event + 1] * np.exp(path[PERIOD])
            due_s, sigma_s, price = due_s + more_s, sigma_s + 0.2 * more_s, numbers.skip
        z = (now_s - due_s) / sigma_s
        if z < -2.5 and waited_s < 0.5 * (due_s - path[ENTRY_S]):
            break
        gain = _beginning(paths, heard, places, places.onset[after], tuning, numbers)
        if waited_s < SAME_ONSET * numbers.group_s:
            gain -= numbers.begins * _used(heard.begins, places, path, after, now_s, tuning, numbers)
        timing = max(-0.5 * z * z + np.log(0.4 / (numbers.rate * sigma_s)), numbers.free)
        timing = min(timing, max(gain + numbers.begins * heard.any_onset, 0.0))
        other = paths.row[k, after]
        total = path[TOTAL] + timing - price + gain + _sounding(paths, heard, places, after, tuning, numbers)
        if other < 0 or total > paths.rows[k, other, TOTAL]:
            _enter(paths, k, i, after, total, now_s, places, numbers)
    late_s = now_s - path[DUE_S] - path[SIGMA_S]
    if late_s > 0:
        path[TOTAL] -= numbers.overdue * numbers.group_s / (0.5 * path[SIGMA_S] + 0.1 * (waited_s - late_s))
    path[TOTAL] += _sounding(paths, heard, places, event, tuning, numbers) - numbers.begins * heard.any_onset


@njit(nogil=True, cache=True)
def _used(
    begins: F64, places: Places, path: F64, after: int, now_s: float, tuning: int, numbers: FilterNumbers
) -> float:
    """Return what pitches of an event gain that began in the path's last events as well: one onset is that of one."""
    start, pitch, total = places.onsets.start, places.onsets.pitch, 0.0
    event, recent_s = int(path[EVENT]), now_s - SAME_ONSET * numbers.group_s
    for i in range(start[places.onset[after]], start[places.onset[after] + 1]):
        place = BINS_A_PITCH * pitch[i] + tuning
        if not 0 <= place < N_BINS or begins[place] <= 0:
            continue
        begun_s, found = path[ENTRY_S], False
        for back in range(int(path[STEPS])):
            if found or begun_s <= recent_s or event - back < 0:
                break
            onset = places.onset[event - back]
            for j in range(start[onset], start[onset + 1]):
                found = found or pitch[j] == pitch[i]
            begun_s -= places.length_s[event - back - 1] * np.exp(path[PERIOD])
        total += begins[place] if found else 0.0
    return total


@njit(nogil=True, cache=True)
def _begin(
    paths: Paths,
    k: int,
    now_s: float,
    n_likely: int,
    heard: Evidence,
    places: Places,
    price: float,
    tuning: int,
    muted: I64,
    numbers: FilterNumbers,
) -> None:
    """Let paths begin at the events that fit best, of those whose onset is among the likely ones."""
    n = 0
    for number in paths.likely[:n_likely]:
        if paths.begins[number] <= numbers.fit:
            continue
        for i in range(places.with_onset[number], places.with_onset[number + 1]):
            event = places.holder[i]
            if not muted[places.piece[event]]:
                fit = paths.begins[number] + numbers.first * _first_chord(heard, places, event, tuning)
                if fit - price >= paths.gained[2]:
                    paths.fits[n], paths.starts[n] = fit, event
                    n += 1
    floor = _floor(paths.fits[:n], numbers)
    for i in range(n):
        if paths.fits[i] < floor:
            continue
        event, total = paths.starts[i], paths.fits[i] - price
        other = paths.row[k, event]
        if other < 0 or total > paths.rows[k, other, TOTAL]:
            _enter(paths, k, -1, event, total, now_s, places, numbers)


@njit(nogil=True, cache=True)
def _first_chord(heard: Evidence, places: Places, event: int, tuning: int) -> float:
    """Return the log likelihood ratio of a chord with which a path begins: what began before may not be played."""
    chord, onset, total = places.chord[event], places.onset[event], 0.0
    begun, last = places.onsets.start[onset], places.onsets.start[onset + 1]
    for i in range(places.chords.start[chord], places.chords.start[chord + 1]):
        pitch = places.chords.pitch[i]
        while begun < last and places.onsets.pitch[begun] < pitch:
            begun += 1
        place = BINS_A_PITCH * pitch + tuning
        if not 0 <= place < N_BINS:
            continue
        fresh = begun < last and places.onsets.pitch[begun] == pitch
        total += heard.sounds[place] if fresh else heard.held[place]
    total += _ratio(heard.rings, places.rings.start, places.rings.pitch, chord, tuning)
    return total - heard.any_chord


@njit(nogil=True, cache=True)
def _floor(fits: F64, numbers: FilterNumbers) -> float:
    """Return the fit from which paths begin, so that not too many do."""
    if len(fits) <= numbers.most:
        return DEAD
    counts, low = np.zeros(BINS, np.int64), fits.min()
    width = max(fits.max() - low, 1e-9) / BINS
    for fit in fits:
        counts[min(int((fit - low) / width), BINS - 1)] += 1
    n = 0
    for i in range(BINS - 1, -1, -1):
        n += counts[i]
        if n > numbers.most:
            return low + (i if n == counts[i] else i + 1) * width
    return DEAD


@njit(nogil=True, cache=True)
def _enter(
    paths: Paths, k: int, source: int, event: int, total: float, now_s: float, places: Places, numbers: FilterNumbers
) -> None:
    """Replace the path at the event by that in row `source`, or by a new one if that is -1."""
    row = paths.row[k, event]
    if row < 0:
        row = paths.n[k]
        if row == ROOM:
            return
        paths.row[k, event] = row
        paths.n[k] += 1
    path = paths.rows[k, row]
    period, variance = 0.0, numbers.spread
    if source >= 0:
        old = paths.rows[k, source]
        path[BASE], path[FULL], path[STEPS] = old[BASE], old[FULL], old[STEPS] + 1
        period, variance = _tempo(old, event, now_s, places, numbers)
    else:
        path[BASE], path[FULL], path[STEPS] = -numbers.price, paths.gained[0], 1
    path[TOTAL], path[PERIOD], path[VARIANCE], path[EVENT] = total, period, variance, event
    wait_s = places.length_s[event] * np.exp(period)
    path[ENTRY_S], path[DUE_S] = now_s, now_s + wait_s
    path[SIGMA_S] = np.sqrt(wait_s * wait_s * variance + numbers.jitter_s * numbers.jitter_s)


@njit(nogil=True, cache=True)
def _tempo(path: F64, event: int, now_s: float, places: Places, numbers: FilterNumbers) -> tuple[float, float]:
    """Return the log period and its variance of a path that enters the event now: a Kalman filter.

    An event more than three standard deviations off is free in its timing and tells nothing of the tempo.
    """
    length_s = 0.0
    for i in range(int(path[EVENT]), event):
        length_s += places.length_s[i]
    period, variance = path[PERIOD], path[VARIANCE]
    wait_s = length_s * np.exp(period)
    off = np.log(max(now_s - path[ENTRY_S], 0.5 * numbers.group_s) / length_s) - period
    noise = 2 * (numbers.jitter_s / wait_s) ** 2
    if off * off < 9 * (variance + noise):
        gain = variance / (variance + noise)
        period, variance = period + gain * off, variance * (1 - gain)
    period = min(max(period, -numbers.most_tempo), numbers.most_tempo)
    return period, variance + numbers.drift * min(wait_s, 1.0)


@njit(nogil=True, cache=True)
def _prune(paths: Paths, k: int, n_old: int, floor: float, over: float, muted: I64, places: Places) -> None:
    """Drop the paths below the floor, hold the best below the most lead, and put them in order of their events.

    n_old: rows that are in order already
    """
    rows, kept, old = paths.rows[k], 0, 0
    for i in range(paths.n[k]):
        event = int(rows[i, EVENT])
        if rows[i, TOTAL] < floor or muted[places.piece[event]]:
            paths.row[k, event] = -1
        else:
            rows[kept] = rows[i]
            rows[kept, TOTAL] -= over
            rows[kept, BASE] -= over
            kept += 1
            old += i < n_old
    order = np.argsort(rows[old:kept, EVENT])
    i = j = 0
    for write in range(kept):
        if j == kept - old or (i < old and rows[i, EVENT] < rows[old + order[j], EVENT]):
            paths.spare[write] = rows[i]
            i += 1
        else:
            paths.spare[write] = rows[old + order[j]]
            j += 1
    rows[:kept] = paths.spare[:kept]
    for i in range(kept):
        paths.row[k, int(rows[i, EVENT])] = i
    paths.n[k] = kept
