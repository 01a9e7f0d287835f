"""Rows on the disk: what is read is what was written, whatever is asked for."""

from __future__ import annotations

import numpy as np
import pytest

from offline.alignment import row_store
from offline.alignment.row_store import RowStore, batches

ROWS = np.random.default_rng(1).standard_normal((1000, 3)).astype(np.float32)


@pytest.fixture(params=[1 << 25, 100], ids=["in memory", "on the disk"])
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> RowStore:
    monkeypatch.setattr(row_store, "IN_MEMORY", request.param)
    monkeypatch.setattr(row_store, "BLOCK", 64)
    return RowStore.of(np.split(ROWS, [10, 11, 500]), 3, np.float32)


def test_rows_are_read_as_they_were_written(store: RowStore) -> None:
    assert len(store) == 1000
    for first, last in ((0, 1000), (5, 9), (990, 2000), (-5, 3), (7, 7)):
        assert np.array_equal(store.rows(first, last), ROWS[max(first, 0) : last])


def test_blocks_cover_all_rows_with_their_margins(store: RowStore) -> None:
    seen = 0
    for first, last, rows in store.blocks(5):
        assert first == seen
        assert np.array_equal(rows, ROWS[max(first - 5, 0) : last + 5])
        seen = last
    assert seen == 1000


def test_single_numbers_are_read_in_any_order(store: RowStore) -> None:
    dice = np.random.default_rng(2)
    row, column = dice.integers(0, 1000, 300), dice.integers(0, 3, 300)
    assert np.array_equal(store.at(row, column), ROWS[row, column])


def test_batches_are_all_intervals_within_a_block() -> None:
    low = np.arange(0, 10 * row_store.BLOCK, 1000)
    high = low + np.where(np.arange(len(low)) == 7, 3 * row_store.BLOCK, 500)  # one that is longer than a block
    parts = list(batches(low, high))
    assert [i for part in parts for i in range(part.start, part.stop)] == list(range(len(low)))
    for part in parts:
        assert part.stop - part.start == 1 or high[part].max() - low[part].min() <= row_store.BLOCK
