"""Print the table of a measure, and write it as CSV where that is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cli.terminal.report import wrote
from engine.core.table_log import table_text
from engine.core.whole_file import whole_text

__all__ = ["write_rows"]


def write_rows(rows: Sequence[Sequence[str]], csv: Path | None) -> None:
    """Print rows of cells, the first cell on the left, and write them; the first row holds the headings."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        print("  ".join(cells).rstrip())
    if csv is not None:
        with whole_text(csv) as file:
            file.write(table_text(rows))
    wrote([csv])
