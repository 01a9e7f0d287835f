"""Running medians against scipy, and the generated networks against what generates them."""

from __future__ import annotations

import statistics
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage

from engine.dsp.generated import generate_median_networks, median_networks
from engine.dsp.median import over_frequency, over_time
from engine.dsp.selection_networks import median_network, operations

RNG = np.random.default_rng(4)
SPANS = [1, 3, 5, 11, 17, 31, 33, 49, 99]  # generated, and read from a table


@pytest.mark.parametrize("span", SPANS)
@pytest.mark.parametrize("shape", [(40, 515), (7, 9), (1, 129)])
def test_medians_are_scipys(span: int, shape: tuple[int, int]) -> None:
    values = RNG.random(shape).astype(np.float32)
    values[RNG.random(shape) < 0.2] = 0.25  # ties
    over = scipy.ndimage.median_filter
    np.testing.assert_array_equal(over_time(values, span), over(values, size=(span, 1), mode="constant"))
    np.testing.assert_array_equal(over_frequency(values, span), over(values, size=(1, span), mode="reflect"))


@pytest.mark.parametrize("span", range(1, 101, 2))
def test_networks_find_the_median(span: int) -> None:
    network, middle = median_network(span)
    for _ in range(20):
        values: list[float] = RNG.integers(0, 2 if span % 4 == 1 else 1000, span).tolist()  # 0 and 1: Knuth 5.3.4 Z
        places: list[float | None] = list(values)
        for i, j, keep_small, keep_large in network:
            a, b = places[i], places[j]
            assert a is not None
            assert b is not None, "a value that was dropped is needed"
            places[i], places[j] = min(a, b) if keep_small else None, max(a, b) if keep_large else None
        assert places[middle] == statistics.median(values)


def test_networks_are_as_short_as_known() -> None:
    assert [operations(median_network(span)[0]) for span in (3, 5, 9, 17, 25, 31)] == [4, 10, 32, 106, 202, 274]


def test_the_generated_file_is_what_the_generator_writes() -> None:
    assert Path(median_networks.__file__).read_text(encoding="utf-8") == generate_median_networks.source()
