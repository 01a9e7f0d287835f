"""Likelihoods of many events at once, and the bound on that of an interval by which the search saves work."""

from __future__ import annotations

import numpy as np

from engine.following.likelihood import LikelihoodConfig, Templates, event_likelihoods, likelihood_numbers
from engine.following.search.beam_search import MOST
from engine.following.tempo import Tempo, density, punctual, tempo_numbers

FRAME_S = 0.0116
N_EVENTS, N_SOUNDS, N_BEGINS, RING = 11, 13, 7, 16


def test_events_together_are_to_the_bit_as_each_alone() -> None:
    rng = np.random.default_rng(3)
    sustain, onset = (rng.random((N_EVENTS, n), np.float32) for n in (N_SOUNDS, N_BEGINS))
    rest = np.arange(N_EVENTS) == 4
    reference = Templates(sustain, onset, sustain.mean(axis=0), rest, np.zeros(N_EVENTS, bool))
    numbers = likelihood_numbers(LikelihoodConfig(), FRAME_S, 30.0)
    for loudness in (0.0, 1.0):
        row = np.float32(loudness) * rng.random(N_SOUNDS + N_BEGINS, np.float32)
        for first in range(N_EVENTS):
            together, alone = ((np.full(RING, 9.0), np.full(RING, 9.0)) for _ in range(2))
            event_likelihoods(row, reference, first, N_EVENTS, numbers, together)
            for event in range(first, N_EVENTS + 1):
                event_likelihoods(row, reference, event, event, numbers, alone)
            assert np.array_equal(together, alone)


def test_no_interval_is_as_likely_as_the_bound_of_the_search() -> None:
    rng, numbers = np.random.default_rng(4), tempo_numbers(FRAME_S)
    most = -np.inf
    for _ in range(20_000):
        spread = rng.random((2, 2)) * 10 ** rng.uniform(-6, 0)
        covariance = spread @ spread.T
        tempo = Tempo(0.0, rng.uniform(-1.6, 1.6), covariance[0, 0], covariance[1, 1], covariance[0, 1])
        length_s = 10 ** rng.uniform(-3, 2)
        now_s = length_s * np.exp(tempo.period) * rng.choice([0.001, 0.9, 1.0, 1.1])
        for rules in (numbers, punctual(numbers)):
            most = max(most, density(tempo, now_s, length_s, FRAME_S, rules))
    assert 0 < most < MOST - 1
