"""The events of all pieces, and the pitches that sound and begin there."""

from __future__ import annotations

import numpy as np

from engine.score.score import Score, make_score
from engine.stage.finding.places import LOWEST, N_PITCHES, PitchSets, places_of
from tests.engine.stage.finding.shelf import tune

HELD = [(0.0, 2.0, 48, 64), (0.0, 1.0, 60, 64), (1.0, 1.0, 62, 64), (2.0, 1.0, 60, 64), (2.0, 1.0, 127, 64)]


def piece() -> Score:
    return make_score("held", HELD, tempi=[(0.0, 120.0)], bars=[(0.0, 1), (2.0, 2)])


def pitches(sets: PitchSets, number: int) -> list[int]:
    return [int(pitch) + LOWEST for pitch in sets.pitch[sets.start[number] : sets.start[number + 1]]]


def test_what_is_held_sounds_and_what_begins_begins() -> None:
    places = places_of([piece()])
    assert [pitches(places.chords, i) for i in places.chord] == [[48, 60], [48, 62], [60]]
    assert [pitches(places.onsets, i) for i in places.onset] == [[48, 60], [62], [60]]
    np.testing.assert_allclose(places.length_s, [0.5, 0.5, 1.0])
    np.testing.assert_array_equal(places.quarter, [0, 1, 2])


def test_what_has_ended_lately_may_ring_on_and_what_ended_long_ago_not() -> None:
    places = places_of([piece()])
    assert [pitches(places.rings, i) for i in places.chord] == [[], [60], [48, 62]]
    slow = [(4 * quarter, duration, pitch, velocity) for quarter, duration, pitch, velocity in HELD]
    late = places_of([make_score("slow", slow, tempi=[(0.0, 120.0)], bars=[(0.0, 1)])])
    assert all(pitches(late.rings, i) == [] for i in late.chord)


def test_equal_sets_have_one_number_in_all_pieces() -> None:
    scores = [tune(0), piece(), piece()]
    places = places_of(scores)
    second, third = slice(*places.first[1:3]), slice(*places.first[2:4])
    np.testing.assert_array_equal(places.onset[second], places.onset[third])
    np.testing.assert_array_equal(np.bincount(places.piece), [len(score.onset_quarter) for score in scores])
    assert not set(places.bar[second]) & set(places.bar[third])


def test_each_onset_is_held_by_its_events() -> None:
    places = places_of([tune(seed) for seed in range(3)])
    for number in range(len(places.onsets.start) - 1):
        holders = places.holder[places.with_onset[number] : places.with_onset[number + 1]]
        np.testing.assert_array_equal(holders, np.flatnonzero(places.onset == number))


def test_each_pitch_knows_the_onsets_that_have_it() -> None:
    places = places_of([tune(seed) for seed in range(3)])
    for pitch in range(N_PITCHES):
        having = places.having[places.with_pitch[pitch] : places.with_pitch[pitch + 1]].tolist()
        assert having == [i for i in range(len(places.onsets.start) - 1) if pitch + LOWEST in pitches(places.onsets, i)]
