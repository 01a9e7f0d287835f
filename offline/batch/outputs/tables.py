"""Write the tables of a batch: rows in the order of the inputs, whatever order they came in, as .tsv, .csv or .parquet.

A table appears whole, and is the same to the byte however often the batch was interrupted.
"""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from engine.core.errors import ConfigError
from engine.core.table_log import table_text
from engine.core.whole_file import whole_path, whole_text
from offline.batch.task import TableSpec

__all__ = ["ROW_GROUP", "TABLE_SUFFIXES", "require_table", "table_cells", "write_batch_table"]

TABLE_SUFFIXES = (".tsv", ".csv", ".parquet")
DELIMITERS = {".tsv": "\t", ".csv": ","}
ROW_GROUP = 1000  # items whose rows are written together

Named = tuple[str, list[list[Any]]]  # an item and its rows


def require_table(option: str, name: str) -> None:
    """Raise ConfigError unless the suffix is one of a table, and what it needs is here."""
    path = Path(name)
    if path.suffix.lower() not in TABLE_SUFFIXES:
        raise ConfigError(option, expected="a name that ends in " + ", ".join(TABLE_SUFFIXES), got=repr(path.name))
    if path.suffix.lower() == ".parquet":
        parquet()


def parquet() -> Any:
    """Return the module that writes Parquet; ConfigError without pyarrow."""
    try:
        return importlib.import_module("offline.batch.outputs.parquet")
    except ImportError as error:
        remedy = "pip install 'collaparte[tables]', or name a .tsv"
        raise ConfigError("a .parquet table", expected="pyarrow", got=str(error), remedy=remedy) from error


def table_cells(spec: TableSpec, name: str, rows: Sequence[Sequence[Any]]) -> list[list[str]]:
    """Return the rows of an item as text; one without rows has its name alone."""
    numbers = [column in spec.numbers for column in spec.columns[1:]]
    cells = [[name, *map(_cell, row, numbers)] for row in rows]
    return cells or [[name, *([""] * len(numbers))]]


def _cell(value: Any, number: bool) -> str:
    return "" if value is None else f"{value:.3f}" if number else str(value)


def write_batch_table(path: Path, spec: TableSpec, items: Iterable[Named]) -> None:
    """Write the rows of items, in their order, in memory that does not grow with their number."""
    groups = _groups(items)
    if path.suffix.lower() == ".parquet":
        with whole_path(path) as part:
            parquet().write_groups(part, spec, groups)
        return
    delimiter = DELIMITERS[path.suffix.lower()]
    with whole_text(path) as file:
        file.write(table_text([spec.columns], delimiter))
        for group in groups:
            file.write(table_text((row for name, rows in group for row in table_cells(spec, name, rows)), delimiter))


def _groups(items: Iterable[Named]) -> Iterator[list[Named]]:
    left = iter(items)
    while group := list(itertools.islice(left, ROW_GROUP)):
        yield group
