"""The blocks of README and docs that are code."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.places import ROOT

__all__ = ["Block", "blocks", "pages"]

NOT_RUN = "<!-- not run: "  # above a block that needs a device, a download, your data or hours
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block.

    page: path below the project; line: where it begins; language: empty for commands
    needs: what it lacks to be run here; empty if it is run
    """

    page: str
    line: int
    language: str
    text: str
    needs: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    def commands(self) -> list[list[str]]:
        """The words of every command, comments left out."""
        joined = self.text.replace("\\\n", " ")
        return [words for line in joined.splitlines() if (words := shlex.split(line, comments=True))]


def pages() -> list[Path]:
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(language: str) -> list[Block]:
    """All blocks of a language, in order of the pages."""
    return [block for page in pages() for block in _of(page) if block.language == language]


def _of(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for found in FENCE.finditer(text):
        before = text[: found.start()]
        last = before.rstrip("\n").rpartition("\n")[2]
        needs = last.removeprefix(NOT_RUN).removesuffix(" -->") if last.startswith(NOT_RUN) else ""
        yield Block(page.relative_to(ROOT).as_posix(), before.count("\n") + 1, found[1], found[2], needs)
