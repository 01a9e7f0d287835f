"""What the cards of the shipped networks say can be done: every option in their commands is one that is still there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import get_type_hints

import pytest

from engine.core.config import Settings, settings_of
from offline.training.tasks import AVERAGE, BLEND, PLOT, TRAININGS, TrainingJob, TrainingRow
from tests.places import ROOT

CARDS = sorted((ROOT / "models" / "weights").rglob("*.toml"))
DECLARED = re.compile(r'"(--[a-z][a-z0-9-]*)"')
PRINTED = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")


def options(kind: type[Settings]) -> Iterator[str]:
    """The options of a settings class; those of settings inside are among them."""
    hints = get_type_hints(kind)
    for name in settings_of(kind):
        if is_dataclass(hints[name]):
            yield from options(hints[name])  # type: ignore[arg-type]
        else:
            yield "--" + name.replace("_", "-")


def jobs() -> Iterator[TrainingJob]:
    yield from (AVERAGE, BLEND, PLOT)
    for row in TRAININGS.values():
        yield from (job for each in fields(TrainingRow) if isinstance(job := getattr(row, each.name), TrainingJob))


@pytest.mark.parametrize("card", CARDS, ids=lambda path: path.stem)
def test_a_card_names_no_option_that_is_gone(card: Path) -> None:
    sources = [
        path.read_text(encoding="utf-8") for floor in ("offline", "cli") for path in (ROOT / floor).rglob("*.py")
    ]
    known = {option for source in sources for option in DECLARED.findall(source)}
    known |= {option for job in jobs() for option in options(job.config)}
    assert set(PRINTED.findall(card.read_text(encoding="utf-8"))) <= known
