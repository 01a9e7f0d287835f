"""The scales on which listeners rate pieces, and those of a panel of composers."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.core.errors import ConfigError

__all__ = ["POINTS", "SCALES", "RatingScale", "read_panel"]

POINTS = 7  # of every scale, from `low` to `high`


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingScale:
    """One question about a piece, answered by 1 to POINTS.

    name: as tables write it
    low, high: what the ends mean
    composers: whether only listeners who compose are asked
    """

    name: str
    question: str
    low: str
    high: str
    composers: bool = False


SCALES = (
    RatingScale(
        name="plausible",
        question="Could a person have composed this?",
        low="certainly not",
        high="certainly",
    ),
    RatingScale(name="pleasant", question="How pleasant is it to hear?", low="unpleasant", high="very pleasant"),
    RatingScale(
        name="harmony",
        question="How good are the chords, and how they follow each other?",
        low="poor",
        high="excellent",
        composers=True,
    ),
    RatingScale(
        name="lines", question="How well are the voices led?", low="poorly", high="excellently", composers=True
    ),
    RatingScale(
        name="form",
        question="Does it have direction, phrases and an aim?",
        low="none",
        high="very clear",
        composers=True,
    ),
    RatingScale(
        name="ideas", question="Is there an idea that you would work on?", low="none", high="certainly", composers=True
    ),
)


def read_panel(path: Path) -> tuple[RatingScale, ...]:
    """Return the scales for everybody, and those of a composer's own panel, a TOML file with tables [[scale]].

    Each has name, question, low and high. ConfigError where the file is something else.
    """
    try:
        rows = tomllib.loads(path.read_text(encoding="utf8"))["scale"]
        own = tuple(RatingScale(**_texts(row), composers=True) for row in rows)
    except (OSError, ValueError, KeyError, TypeError) as error:
        remedy = 'begin each with [[scale]], then name = "...", question, low and high'
        raise ConfigError(
            str(path), expected="scales", got=" ".join(str(error).split())[:100], remedy=remedy
        ) from error
    everybody = tuple(scale for scale in SCALES if not scale.composers)
    names = [scale.name for scale in (*everybody, *own)]
    if not own or len(set(names)) < len(names):
        raise ConfigError(str(path), expected="scales of different names", got=", ".join(names))
    return (*everybody, *own)


def _texts(row: dict[str, Any]) -> dict[str, str]:
    if not all(isinstance(value, str) and value.strip() for value in row.values()):
        raise ValueError("a value that is not a text")
    return row
