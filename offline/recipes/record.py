"""What was done of a recipe, in recipe.json in its folder: a stopped run goes on, and the card tells what was done."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from engine.core.errors import ConfigError, OutputError

__all__ = ["RECIPE_FILE", "RecipeRecord", "StepRecord", "commit_of", "hash_of_place"]

RECIPE_FILE = "recipe.json"


@dataclass(slots=True)
class StepRecord:
    """A step that is done: its words, the SHA-256 of what it made, what it printed if it measures."""

    words: list[str]
    made: dict[str, str] = field(default_factory=dict)
    printed: str = ""


@dataclass(slots=True)
class RecipeRecord:
    """All steps of one run that are done.

    materials: SHA-256 of each
    """

    recipe: str
    scale: float
    materials: dict[str, str] = field(default_factory=dict)
    steps: dict[str, StepRecord] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path, recipe: str, scale: float) -> RecipeRecord:
        """Read the record of a folder, or begin one; ConfigError for one of another recipe or scale."""
        path = folder / RECIPE_FILE
        if not path.exists():
            return cls(recipe, scale)
        try:
            found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            steps = {name: StepRecord(**step) for name, step in found.pop("steps").items()}
            record = cls(**found, steps=steps)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(str(path), expected="the record of a recipe", got=str(error)) from error
        if (record.recipe, record.scale) != (recipe, scale):
            raise ConfigError(
                str(folder),
                expected=f"a run of {recipe} at scale {scale:g}",
                got=f"one of {record.recipe} at scale {record.scale:g}",
                remedy="give another folder",
            )
        return record

    def write(self, folder: Path) -> None:
        """Write it; a kill leaves the old one whole."""
        part = folder / f"{RECIPE_FILE}.part"
        part.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        os.replace(part, folder / RECIPE_FILE)

    def forget_from(self, names: list[str]) -> None:
        """Forget these steps, which are to be done again."""
        for name in names:
            self.steps.pop(name, None)


def hash_of_place(place: Path) -> str:
    """Return the SHA-256 of a file, or of all files of a folder with their names."""
    if not place.exists():
        raise OutputError(str(place), expected="a file or folder that this step makes", got="nothing")
    if place.is_file():
        return _of_file(place)
    whole = hashlib.sha256()
    for path in sorted(path for path in place.rglob("*") if path.is_file()):
        whole.update(f"{path.relative_to(place).as_posix()} {_of_file(path)}\n".encode("utf-8", "surrogateescape"))
    return whole.hexdigest()


def _of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def commit_of(folder: Path) -> str:
    """Return the commit of the code that a folder holds, with `+` if it was changed; empty where there is no git."""
    words = ["git", "-C", str(folder), "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty=+"]
    try:
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
