"""Rows of numbers in a temporary file, of which a recording of hours has more than memory should hold."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from typing import Any, Self

import numpy as np
import numpy.typing as npt

__all__ = ["RowStore", "batches"]

IN_MEMORY = 1 << 25  # bytes; a longer store goes to the disk
BLOCK = 1 << 14  # rows that are read at a time
Ints = npt.NDArray[np.int64]
Array = npt.NDArray[Any]


class RowStore:
    """Rows (row, width) of a type, appended, and read in parts."""

    def __init__(self, width: int, dtype: npt.DTypeLike) -> None:
        self.width, self.dtype = width, np.dtype(dtype)
        self._row_bytes, self._n = width * self.dtype.itemsize, 0
        self._file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115  open as long as the store is used

    @classmethod
    def of(cls, blocks: Iterable[Array], width: int, dtype: npt.DTypeLike) -> Self:
        """Return a store of all rows of the blocks."""
        store = cls(width, dtype)
        for block in blocks:
            store.append(block)
        return store

    def append(self, rows: Array) -> None:
        """Add rows at the end."""
        self._file.seek(0, 2)
        self._file.write(np.ascontiguousarray(rows, self.dtype).data)
        self._n += len(rows)

    def __len__(self) -> int:
        return self._n

    def rows(self, first: int, last: int) -> Array:
        """Return the rows from `first` to before `last`, as far as there are any."""
        first, last = max(first, 0), min(last, self._n)
        self._file.seek(first * self._row_bytes)
        content = self._file.read(max(last - first, 0) * self._row_bytes)
        return np.frombuffer(content, self.dtype).reshape(-1, self.width)

    def blocks(self, margin: int = 0) -> Iterator[tuple[int, int, Array]]:
        """Yield all rows in blocks: first and last of a block, and its rows with as many before and after them."""
        for first in range(0, self._n, BLOCK):
            last = min(first + BLOCK, self._n)
            yield first, last, self.rows(first - margin, last + margin)

    def at(self, row: Ints, column: Ints) -> Array:
        """Return single numbers, of rows in any order."""
        out, order = np.empty(len(row), self.dtype), np.argsort(row, kind="stable")
        for some in batches(row[order], row[order] + 1):
            first, last = int(row[order[some]].min()), int(row[order[some]].max()) + 1
            out[order[some]] = self.rows(first, last)[row[order[some]] - first, column[order[some]]]
        return out


def batches(low: Ints, high: Ints) -> Iterator[slice]:
    """Yield parts of intervals in order of time, each part within BLOCK rows together if a single one is."""
    start = 0
    while start < len(low):
        far = np.maximum.accumulate(high[start : start + BLOCK])
        near = np.minimum.accumulate(low[start : start + BLOCK])
        n = max(int(np.searchsorted(far - near, BLOCK, side="right")), 1)
        yield slice(start, start + n)
        start += n
