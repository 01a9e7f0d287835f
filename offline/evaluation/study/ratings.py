"""What listeners sent back: files JSON or CSV of the page of a study, as one table."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.core.errors import ConfigError
from offline.evaluation.study.make import ANSWERS, KEY
from offline.evaluation.study.scales import POINTS, RatingScale

__all__ = ["StudyRatings", "read_ratings"]

NEEDED = ("study", "rater", "composer", "file", "known", "scale", "value")
TRUE = (True, "true", "True", "1")


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRatings:
    """All ratings of a study.

    systems: of each piece
    raters: names
    composers: (rater,) bool, who composes
    values: of each scale by name (rater, piece), 1 to POINTS, nan where there is none
    known: (rater, piece) bool, who knew which piece
    """

    scales: tuple[RatingScale, ...]
    systems: tuple[str, ...]
    raters: tuple[str, ...]
    composers: np.ndarray
    values: Mapping[str, np.ndarray]
    known: np.ndarray


def read_ratings(folder: Path, answers: Sequence[Path] = ()) -> StudyRatings:
    """Read the ratings of a study; answers: files, by default all of FOLDER/answers.

    ConfigError where a file is of another study, a rating is none, or a listener rated a piece twice.
    """
    key = _key(folder)
    paths = list(answers) or sorted(p for p in (folder / ANSWERS).glob("*") if p.suffix in (".json", ".csv"))
    if not paths:
        raise ConfigError(str(folder / ANSWERS), expected="answers, .json or .csv", got="none")
    rows = [row for path in paths for row in _rows(path, key)]
    raters = tuple(sorted({row["rater"] for row in rows}))
    files = [piece["file"] for piece in key["pieces"]]
    scales = tuple(RatingScale(**scale) for scale in key["scales"])
    shape = (len(raters), len(files))
    values = {scale.name: np.full(shape, np.nan) for scale in scales}
    known, composers = np.zeros(shape, bool), np.zeros(len(raters), bool)
    for row in rows:
        at = raters.index(row["rater"]), files.index(row["file"])
        if not np.isnan(values[row["scale"]][at]):
            remedy = "two files of one listener, or two listeners of one name: leave one out, or rename it"
            raise ConfigError(
                row["path"], expected="one rating of a piece", got=f"two by {row['rater']}", remedy=remedy
            )
        values[row["scale"]][at], known[at] = row["value"], row["known"]
        composers[at[0]] |= row["composer"]
    systems = tuple(piece["system"] for piece in key["pieces"])
    return StudyRatings(scales=scales, systems=systems, raters=raters, composers=composers, values=values, known=known)


def _key(folder: Path) -> dict[str, Any]:
    try:
        key: dict[str, Any] = json.loads((folder / KEY).read_text(encoding="utf8"))
    except (OSError, ValueError) as error:
        remedy = "collaparte study make writes it"
        raise ConfigError(
            str(folder / KEY), expected="the key of a study", got=str(error)[:100], remedy=remedy
        ) from error
    return key


def _rows(path: Path, key: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    """Return the ratings of a file, checked."""
    names = {scale["name"] for scale in key["scales"]}
    files = {piece["file"] for piece in key["pieces"]}
    for row in _read(path):
        if row["study"] != key["study"]:
            raise ConfigError(str(path), expected=f"answers of study {key['study']}", got=str(row["study"]))
        try:
            value = float(row["value"])
        except (TypeError, ValueError):
            value = np.nan
        if row["file"] not in files or row["scale"] not in names or value not in range(1, POINTS + 1):
            got = f"{row['file']}, {row['scale']}, {row['value']}"
            raise ConfigError(str(path), expected=f"a piece, a scale, and 1 to {POINTS}", got=got)
        flags = {name: row[name] in TRUE for name in ("composer", "known")}
        yield {**row, **flags, "value": value, "path": str(path), "rater": str(row["rater"])}


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix == ".csv":
            rows: list[dict[str, Any]] = list(csv.DictReader(text.splitlines()))
        else:
            head = json.loads(text)
            rows = [{**{name: head[name] for name in NEEDED[:3]}, **rating} for rating in head["ratings"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            str(path), expected="answers of a study", got=f"{type(error).__name__}: {error}"[:100]
        ) from error
    missing = sorted({name for row in rows for name in NEEDED if name not in row})
    if missing or not rows:
        raise ConfigError(str(path), expected="ratings with " + ", ".join(NEEDED), got=f"without {', '.join(missing)}")
    return rows
