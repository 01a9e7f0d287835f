"""Tables of labels as people write them: a header and rows, separated by tabs, semicolons or commas."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

from engine.core.errors import ConfigError
from engine.core.whole_file import NAME_ERRORS

__all__ = ["LabelTable", "read_label_table"]

SEPARATORS = ("\t", ";", ",")
COMMENT = "#"
MAX_LABEL_BYTES = 1 << 28
ENCODINGS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


class LabelTable:
    """A table in memory; blank lines and comments are left out.

    columns: the header, without blanks around the names
    """

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        lines = ((number, line) for number, line in enumerate(io.StringIO(text, newline=None), 1))
        written = [(number, line.rstrip("\n")) for number, line in lines if line.strip()]
        head = next((line for _, line in written if not line.startswith(COMMENT)), "")
        self._separator = next((each for each in SEPARATORS if each in head), "\t")
        self._lines = self._joined([(number, line) for number, line in written if not self._is_comment(line)])
        self.columns = [cell.strip() for cell in self._cells(*self._lines[0])] if self._lines else []

    def _is_comment(self, line: str) -> bool:
        """Whether a line begins as a comment; one with cells is a row: a file may be named so."""
        return line.startswith(COMMENT) and self._separator not in line

    def _joined(self, lines: list[tuple[int, str]]) -> list[tuple[int, str]]:
        """Join the lines of quoted cells with line ends in them; a quote that is never closed is a letter."""
        quoted, out, i = re.compile(f'(^|{self._separator})"'), [], 0
        while i < len(lines):
            (number, line), j = lines[i], i
            while line.count('"') % 2 and quoted.search(line) and j + 1 < len(lines):
                j += 1
                line += "\n" + lines[j][1]
            whole = line.count('"') % 2 == 0
            out.append((number, line) if whole else lines[i])
            i = j + 1 if whole else i + 1
        return out

    def rows(self) -> Iterator[tuple[int, dict[str, str]]]:
        """Yield the number of each line after the header, and its cells by column; a cell that is missing is empty."""
        for number, line in self._lines[1:]:
            cells = [*self._cells(number, line), *[""] * len(self.columns)]
            yield number, {name: self._bare(name, cell) for name, cell in zip(self.columns, cells, strict=False)}

    def _bare(self, name: str, cell: str) -> str:
        """The cell without blanks around it; between tabs, blanks before a file name are its own."""
        return cell.rstrip() if name == "filename" and self._separator == "\t" else cell.strip()

    def _cells(self, number: int, line: str) -> list[str]:
        try:
            return next(csv.reader([line], delimiter=self._separator), [])
        except csv.Error as error:
            where = f"{self.path}, line {number}"
            raise ConfigError(where, expected="cells separated by tabs", got=str(error)) from error


def read_label_table(path: Path) -> LabelTable:
    """Read a table in UTF-8 or UTF-16, with or without a byte order mark; ConfigError if it cannot be read."""
    try:
        size = path.stat().st_size
        if size > MAX_LABEL_BYTES:
            raise ConfigError(str(path), expected=f"at most {MAX_LABEL_BYTES} bytes of labels", got=str(size))
        data = path.read_bytes()
        encoding = ENCODINGS.get(data[:2], "utf-8-sig")
        return LabelTable(path, data.decode(encoding, errors="replace" if encoding == "utf-16" else NAME_ERRORS))
    except OSError as error:
        got = error.strerror or str(error)
        raise ConfigError(str(path), expected="a TSV file of labels", got=got) from error
