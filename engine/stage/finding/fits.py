"""How well what is heard fits the onsets and chords of places: log likelihood ratios, each computed once a group."""

from __future__ import annotations

import numpy as np
from numba import njit

from engine.core.arrays import F64, I16, I32
from engine.stage.finding.paths import ENTRY_S, EVENT, PERIOD, STEPS, FilterNumbers, Paths
from engine.stage.finding.pitch_evidence import BINS_A_PITCH, N_BINS, Evidence
from engine.stage.finding.places import N_PITCHES, Places

__all__ = ["SAME_ONSET", "chord_fit", "first_chord_fit", "fit_used_before", "hear_onsets", "onset_fit"]

SAME_ONSET = 2.5  # groups within which an onset that is heard may be one and the same


@njit(nogil=True, cache=True)
def hear_onsets(paths: Paths, heard: Evidence, places: Places, tuning: int, numbers: FilterNumbers) -> int:
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
                onset_fit(paths, heard, places, number, tuning, numbers)
                paths.likely[n] = number
                n += 1
    return n


@njit(nogil=True, cache=True, inline="always")
def onset_fit(paths: Paths, heard: Evidence, places: Places, onset: int, tuning: int, numbers: FilterNumbers) -> float:
    """Return the log likelihood ratio of an onset."""
    if paths.begins_told[onset] != paths.gained[1]:
        ratio = _ratio(heard.begins, places.onsets.start, places.onsets.pitch, onset, tuning)
        paths.begins_told[onset] = paths.gained[1]
        paths.begins[onset] = numbers.begins * (ratio - heard.any_onset)
    return paths.begins[onset]


@njit(nogil=True, cache=True, inline="always")
def chord_fit(paths: Paths, heard: Evidence, places: Places, event: int, tuning: int, numbers: FilterNumbers) -> float:
    """Return the log likelihood ratio of the event's chord."""
    chord = places.chord[event]
    if paths.told[chord] != paths.gained[1]:
        ratio = _ratio(heard.sounds, places.chords.start, places.chords.pitch, chord, tuning)
        ratio += _ratio(heard.rings, places.rings.start, places.rings.pitch, chord, tuning)
        paths.told[chord] = paths.gained[1]
        paths.sounds[chord] = numbers.sounds * heard.news * (ratio - heard.any_chord)
    return paths.sounds[chord]


@njit(nogil=True, cache=True)
def first_chord_fit(heard: Evidence, places: Places, event: int, tuning: int) -> float:
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
def fit_used_before(
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


@njit(nogil=True, cache=True, inline="always")
def _ratio(each: F64, start: I32, pitch: I16, number: int, tuning: int) -> float:
    """Return the sum of the ratios (bin) of a set of pitches."""
    total = 0.0
    for i in range(start[number], start[number + 1]):
        place = BINS_A_PITCH * pitch[i] + tuning
        total += each[place] if 0 <= place < N_BINS else -2.0
    return total
