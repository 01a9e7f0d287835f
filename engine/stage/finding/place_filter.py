"""Follow every place of every piece at once, coarsely: one path for each event of all scores, at each tuning.

A Viterbi search over semi-Markov states: a path waits in an event for the next or the one after, in the tempo that it
has estimated itself, or begins at any event whose onset is heard. Log likelihood ratios are against "nowhere" of
`engine.stage.finding.pitch_evidence`: noise, speech and other music fit that as well as they fit any score. A path
never leads nowhere by more than a limit, so that another piece can take its place within seconds.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from engine.core.arrays import F64, I64
from engine.stage.finding.fits import SAME_ONSET, chord_fit, first_chord_fit, fit_used_before, hear_onsets, onset_fit
from engine.stage.finding.paths import (
    BASE,
    BEGUN_S,
    DEAD,
    DUE_S,
    ENTRY_S,
    EVENT,
    FULL,
    LATELY,
    LATELY_S,
    PERIOD,
    SIGMA_S,
    STEPS,
    TOTAL,
    VARIANCE,
    FilterNumbers,
    Paths,
)
from engine.stage.finding.pitch_evidence import Evidence
from engine.stage.finding.places import Places

__all__ = ["add_group"]

BINS = 100


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
    gain = numbers.sounds * heard.news * chord + numbers.begins * onset
    paths.gained[0] += gain
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
            n_likely = hear_onsets(paths, heard, places, tunings[k], numbers)
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
    paths.gained[3] = (paths.gained[3] + gain) * np.exp(-numbers.group_s / LATELY_S)
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


# Inlined, with what it calls: a call would pass thirty arrays and count their references, a fifth of the search.
@njit(nogil=True, cache=True, inline="always")
def _go_on(
    paths: Paths, k: int, i: int, heard: Evidence, now_s: float, places: Places, tuning: int, numbers: FilterNumbers
) -> None:
    """Let a path enter one of the next two events, then wait."""
    path = paths.rows[k, i]
    event = int(path[EVENT])
    waited_s, due_s, sigma_s, price = now_s - path[ENTRY_S], path[DUE_S], path[SIGMA_S], 0.0
    most_chord = numbers.sounds * heard.news * (heard.full_chord - heard.any_chord)
    most_onset = numbers.begins * (heard.full_onset - heard.any_onset)
    for after in range(event + 1, min(event + 3, places.first[places.piece[event] + 1])):
        if after > event + 1:
            more_s = places.length_s[event + 1] * np.exp(path[PERIOD])
            due_s, sigma_s, price = due_s + more_s, sigma_s + 0.2 * more_s, numbers.skip
        z = (now_s - due_s) / sigma_s
        if z < -2.5 and waited_s < 0.5 * (due_s - path[ENTRY_S]):
            break
        timing = max(-0.5 * z * z + np.log(0.4 / (numbers.rate * sigma_s)), numbers.free)
        spare = path[TOTAL] + timing - price + most_chord - paths.gained[2]
        if spare + most_onset < 0:
            continue
        gain = onset_fit(paths, heard, places, places.onset[after], tuning, numbers)
        if spare + gain < 0:
            continue
        if waited_s < SAME_ONSET * numbers.group_s:
            gain -= numbers.begins * fit_used_before(heard.begins, places, path, after, now_s, tuning, numbers)
        timing = min(timing, max(gain + numbers.begins * heard.any_onset, 0.0))
        other = paths.row[k, after]
        total = path[TOTAL] + timing - price + gain + chord_fit(paths, heard, places, after, tuning, numbers)
        if other < 0 or total > paths.rows[k, other, TOTAL]:
            _enter(paths, k, i, after, total, now_s, places, numbers)
    late_s = now_s - path[DUE_S] - path[SIGMA_S]
    if late_s > 0:
        path[TOTAL] -= numbers.overdue * numbers.group_s / (0.5 * path[SIGMA_S] + 0.1 * (waited_s - late_s))
    path[TOTAL] += chord_fit(paths, heard, places, event, tuning, numbers) - numbers.begins * heard.any_onset


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
    """Let paths begin at the events that fit best, of those whose onset is among the likely ones, the best first."""
    likely = paths.likely[:n_likely]
    most_chord = numbers.first * (heard.full_chord - heard.any_chord)
    floor, n = paths.gained[2] + price, 0  # from which a beginning may be among the best
    for number in likely[np.argsort(-paths.begins[likely])]:
        if paths.begins[number] <= numbers.fit or paths.begins[number] + most_chord < floor:
            break
        for i in range(places.with_onset[number], places.with_onset[number + 1]):
            event = places.holder[i]
            if not muted[places.piece[event]]:
                fit = paths.begins[number] + numbers.first * first_chord_fit(heard, places, event, tuning)
                if fit >= floor:
                    paths.fits[n], paths.starts[n] = fit, event
                    n += 1
        if n > 2 * numbers.most:
            floor = max(floor, np.partition(paths.fits[:n], n - numbers.most)[n - numbers.most])
            n = _keep(paths, n, floor)
    if n > numbers.most:
        n = _keep(paths, n, np.partition(paths.fits[:n], n - numbers.most)[n - numbers.most])
    for i in range(n):
        event, total = paths.starts[i], paths.fits[i] - price
        other = paths.row[k, event]
        if other < 0 or total > paths.rows[k, other, TOTAL]:
            _enter(paths, k, -1, event, total, now_s, places, numbers)


@njit(nogil=True, cache=True)
def _keep(paths: Paths, n: int, floor: float) -> int:
    """Keep of the first `n` events at which paths may begin those that fit as well as the floor; return how many."""
    kept = 0
    for i in range(n):
        if paths.fits[i] >= floor:
            paths.fits[kept], paths.starts[kept] = paths.fits[i], paths.starts[i]
            kept += 1
    return kept


@njit(nogil=True, cache=True, inline="always")
def _enter(
    paths: Paths, k: int, source: int, event: int, total: float, now_s: float, places: Places, numbers: FilterNumbers
) -> None:
    """Replace the path at the event by that in row `source`, or by a new one if that is -1."""
    row = paths.row[k, event]
    if row < 0:
        row = paths.n[k]
        if row == paths.rows.shape[1]:
            return
        paths.row[k, event] = row
        paths.n[k] += 1
    path = paths.rows[k, row]
    period, variance = 0.0, numbers.spread
    if source >= 0:
        old = paths.rows[k, source]
        path[BASE], path[STEPS] = old[BASE], old[STEPS] + 1
        path[FULL], path[LATELY], path[BEGUN_S] = old[FULL], old[LATELY], old[BEGUN_S]
        period, variance = _tempo(old, event, now_s, places, numbers)
    else:
        path[BASE], path[STEPS] = -numbers.price, 1
        path[FULL], path[LATELY], path[BEGUN_S] = paths.gained[0], paths.gained[3], now_s
    path[TOTAL], path[PERIOD], path[VARIANCE], path[EVENT] = total, period, variance, event
    wait_s = places.length_s[event] * np.exp(period)
    path[ENTRY_S], path[DUE_S] = now_s, now_s + wait_s
    path[SIGMA_S] = np.sqrt(wait_s * wait_s * variance + numbers.jitter_s * numbers.jitter_s)


@njit(nogil=True, cache=True, inline="always")
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
