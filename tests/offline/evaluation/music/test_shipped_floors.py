"""What ships is worth hearing: the musical floors of every system, and a piece of its own for every seed."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from offline.evaluation.music.floors import measure_system, rate_of, shipped_reference
from offline.generation.cards import LEAST_OVERLAP, card_of, find_weights
from offline.generation.config import GeneratorConfig
from offline.generation.open_system import open_generator, open_sound
from offline.generation.stream import collect
from offline.generation.systems import NOT_SHIPPED, SYSTEMS, names_where, system_table

SHIPPED = names_where(lambda system: find_weights(system.weights) is not None)
N_SEEDS, BARS = 8, 16
ROUNDED = 0.02  # cards have two digits, and the last bits of a processor may turn a draw


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.slow
def test_it_overlaps_with_its_corpus_in_every_measure(name: str) -> None:
    system = SYSTEMS[name]
    reference = shipped_reference(system, rate_of(name) if system.sound else 0)
    floors = measure_system(name, reference, range(N_SEEDS), bars=BARS)
    assert floors.overlap.min() >= LEAST_OVERLAP
    written = np.array(list(card_of(system.weights)["floors"][name].values()))
    np.testing.assert_allclose(floors.overlap, written, atol=ROUNDED)


def written(name: str, seed: int) -> str:
    """A digest of what a system writes in a second, or in four bars."""
    config = GeneratorConfig(seed=seed)
    if (sound := open_sound(name, config)) is not None:
        return hashlib.sha256(sound.samples(0.3).tobytes()).hexdigest()
    generator = open_generator(name, config)
    return hashlib.sha256(collect(generator, 16 * generator.steps_per_quarter).notes.tobytes()).hexdigest()


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.slow
def test_a_seed_is_a_piece(name: str) -> None:
    pieces = [written(name, seed) for seed in range(6)]
    assert written(name, 0) == pieces[0]
    assert len(set(pieces)) == 6


def test_the_list_says_what_does_not_ship_and_why() -> None:
    lines = {line.split()[0]: line for line in system_table().splitlines()[1:]}
    for name, system in SYSTEMS.items():
        if name in SHIPPED:
            floors = card_of(system.weights)["floors"][name]
            assert min(floors.values()) >= LEAST_OVERLAP
            assert lines[name].endswith(f"{min(floors, key=lambda one: floors[one])} {min(floors.values()):.2f}")
        else:
            assert "not shipped" in lines[name] and lines[name].endswith(NOT_SHIPPED[name])
