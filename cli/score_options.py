"""The options of every command that takes a score: its parts, `--list-parts`, and repeats after a D.C."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cli.common import FOLLOW, option
from engine.core.config import plain
from engine.score.score_config import ScoreConfig

__all__ = ["FolderScoreOptions", "ScoreOptions", "print_parts"]

DECLARED = ScoreConfig.__dataclass_fields__


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderScoreOptions(ScoreConfig):
    """Options of commands that take a folder of scores."""

    part: tuple[str, ...] = option(DECLARED["part"], metavar="NAME", group=FOLLOW)
    repeats_after_jump: bool = option(DECLARED["repeats_after_jump"], group=FOLLOW)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreOptions(FolderScoreOptions):
    """Options of commands that take a score."""

    list_parts: bool = option(plain(False, "list the parts of the score, and end"), group=FOLLOW)


def print_parts(score: Path | None) -> int:
    """Print id, name, abbreviation and number of notes of each part of a score; return the exit status."""
    from engine.core.errors import ConfigError
    from engine.score.readers import list_parts

    if score is None:
        raise ConfigError("--list-parts", expected="a score", got="none", remedy="name a MusicXML or MIDI file")
    rows = [
        (part.id, part.name or "-", part.abbreviation or "-", f"{len(part.notes)} notes") for part in list_parts(score)
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    return 0
