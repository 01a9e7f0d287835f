"""Tables as Parquet: the columns of the text table, one row group for every thousand items (extra `tables`).

The first column and labels are strings, numbers are float64; an item without rows has one row of its name and nulls.
Names that are no UTF-8 have their odd bytes written as escapes, since Parquet knows no other strings.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from offline.batch.task import TableSpec

__all__ = ["parquet_schema", "write_groups"]

MADE_BY = {b"collaparte": b"1"}  # version of the schema


def parquet_schema(spec: TableSpec) -> Any:
    """Return the schema of a table."""
    first, *rest = spec.columns
    kinds = [(name, pyarrow.float64() if name in spec.numbers else pyarrow.string()) for name in rest]
    columns = [pyarrow.field(first, pyarrow.string(), nullable=False), *(pyarrow.field(*each) for each in kinds)]
    return pyarrow.schema(columns, metadata=MADE_BY)


def write_groups(path: Path, spec: TableSpec, groups: Iterable[list[tuple[str, list[list[Any]]]]]) -> None:
    """Write a row group for each group of items."""
    schema = parquet_schema(spec)
    with pyarrow.parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for group in groups:
            writer.write_table(_table(schema, group))


def _table(schema: Any, group: list[tuple[str, list[list[Any]]]]) -> Any:
    n_columns = len(schema.names)
    rows = [row for name, of in group for row in ([[_text(name), *each] for each in of] or [_empty(name, n_columns)])]
    columns = [[row[i] for row in rows] for i in range(n_columns)]
    arrays = [pyarrow.array(column, kind) for column, kind in zip(columns, schema.types, strict=True)]
    return pyarrow.table(arrays, schema=schema)


def _empty(name: str, n_columns: int) -> list[Any]:
    return [_text(name), *([None] * (n_columns - 1))]


def _text(name: str) -> str:
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
