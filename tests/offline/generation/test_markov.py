"""The baselines, and that they are what the literature of this data finds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from offline.generation.config import GeneratorConfig
from offline.generation.players.markov import Markov, MarkovPlayer, chorale_contexts, fit, fit_chorales, nest
from offline.generation.stream import collect
from offline.music.catalogue import ROLL_SETS, ROLL_SPLITS
from offline.music.codecs import VoiceGrid
from offline.music.roll_sets import load_chorales, load_rolls
from offline.training.generation.likelihood import markov_nll, note_figures, persistence_nll, roll_baselines


def test_one_order_is_witten_and_bells_formula() -> None:
    contexts = nest(np.array([0, 0, 0, 1]))
    model = fit(contexts, np.array([2, 2, 3, 0]), 4)
    p = model.distribution(contexts[0])
    np.testing.assert_allclose(p, (np.array([0, 0, 2, 1]) + 2 * 0.25) / (3 + 2))


def test_an_unknown_context_falls_back() -> None:
    model = fit(nest(np.array([0, 0, 1])), np.array([1, 1, 0]), 2)
    np.testing.assert_allclose(model.distribution(nest(np.array([7]))[0]), [0.5, 0.5])


@pytest.fixture(scope="module")
def small() -> tuple[Markov, list[np.ndarray]]:
    rng = np.random.default_rng(0)
    pieces = [np.repeat(rng.integers(50, 70, (20, 4)), 4, axis=0).astype(np.int16) for _ in range(3)]
    return fit_chorales(pieces, VoiceGrid(), semitones=1), pieces


def test_every_distribution_sums_to_one_and_agrees_with_the_fast_way(small: tuple[Markov, list[np.ndarray]]) -> None:
    model, pieces = small
    contexts, tokens = chorale_contexts(VoiceGrid().tokens(pieces[0] + 3))
    fast = model.probability(contexts, tokens)
    slow = [model.distribution(c) for c in contexts]
    np.testing.assert_allclose([p.sum() for p in slow], 1)
    np.testing.assert_allclose([p[t] for p, t in zip(slow, tokens, strict=True)], fast)


def test_samples_follow_the_seed(small: tuple[Markov, list[np.ndarray]]) -> None:
    model, _ = small
    a, b = (collect(MarkovPlayer(model, VoiceGrid(), GeneratorConfig(seed=5)), 32).notes for _ in range(2))
    assert np.array_equal(a, b)


def test_published_splits(shared: Path) -> None:
    chorales = load_chorales(shared / "symbolic" / "Jsb16thSeparated.json")
    assert [len(chorales[split]) for split in ROLL_SPLITS] == [229, 76, 77]
    assert sum(map(len, chorales["valid"])) == 18_408
    sizes = {"JSB_Chorales": 229, "Nottingham": 694, "Piano_midi": 87, "MuseData": 524}
    for name in ROLL_SETS:
        rolls = load_rolls(shared / "symbolic" / f"{name}.mat")
        assert len(rolls["train"]) == sizes[name]
        assert rolls["train"][0].shape[1] == 88


@pytest.mark.slow
def test_baselines_on_the_chorales(shared: Path) -> None:
    """Measured before by others of this house: .498 and .508 nats per note; an LSTM over tokens reaches .484."""
    chorales, codec = load_chorales(shared / "symbolic" / "Jsb16thSeparated.json"), VoiceGrid()
    model = fit_chorales(chorales["train"], codec)
    for split, known in (("valid", 0.498), ("test", 0.508)):
        found = note_figures(chorales[split], markov_nll(model, codec, chorales[split]))
        assert abs(found.nats_per_note - known) < 0.01
        floor = note_figures(chorales[split], persistence_nll(chorales, codec, split))
        assert 1.5 * found.nats_per_note < floor.nats_per_note < 1.5
    held = np.concatenate([(p[1:] == p[:-1]).ravel() for p in chorales["valid"]]).mean()
    assert abs(held - 0.786) < 0.02


def test_baselines_on_a_roll(shared: Path) -> None:
    """An RNN has 8.7 nats per step on these chorales, so key by key must lie above, and rates alone far above."""
    floors = roll_baselines(load_rolls(shared / "symbolic" / "JSB_Chorales.mat"), "test")
    assert 8.7 < floors["Markov, key by key"] < floors["each key's rate"] < 20
