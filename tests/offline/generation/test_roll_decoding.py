"""How rolls are decoded: as many notes at each step as wanted, without gaps, and warmer or colder odds."""

from __future__ import annotations

import numpy as np

from offline.generation.players.conv_rbm import beat_means, fill_gaps
from offline.generation.players.rolls import warmed
from offline.music.sampling import raise_steps, sigmoid


def test_every_step_is_raised_to_the_density() -> None:
    logits = np.random.default_rng(0).normal(-2, 3, (12, 40)) + np.linspace(-5, 5, 12)[:, None]
    np.testing.assert_allclose(sigmoid(raise_steps(logits, 3.5)).sum(axis=1), 3.5, atol=1e-6)


def test_what_comes_back_within_a_beat_goes_on() -> None:
    bits = np.zeros((16, 2), np.float32)
    bits[[0, 4, 9], 0] = 1
    filled = fill_gaps(bits)
    assert filled[:, 0].tolist() == [1] * 5 + [0] * 4 + [1] + [0] * 6 and not filled[:, 1].any()
    assert bits[:, 0].sum() == 3


def test_steps_of_a_beat_are_alike_and_the_last_may_be_short() -> None:
    found = beat_means(np.arange(6, dtype=float)[None])
    assert found.tolist() == [[1.5, 1.5, 1.5, 1.5, 4.75, 4.75]]


def test_a_low_temperature_sharpens_odds_and_one_keeps_them() -> None:
    p = np.array([0.0, 0.1, 0.5, 0.9, 1.0])
    np.testing.assert_allclose(warmed(p, 1.0), p, atol=1e-9)
    cold = warmed(p, 0.5)
    assert cold[1] < 0.02 and cold[2] == 0.5 and cold[3] > 0.98
