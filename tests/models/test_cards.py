"""What the cards of the shipped networks say can be done: every option in their commands is one that is still there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.places import ROOT

CARDS = sorted((ROOT / "models" / "weights").rglob("*.toml"))
DECLARED = re.compile(r'"(--[a-z][a-z0-9-]*)"')
PRINTED = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")


@pytest.mark.parametrize("card", CARDS, ids=lambda path: path.stem)
def test_a_card_names_no_option_that_is_gone(card: Path) -> None:
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "offline").rglob("*.py"))
    known = {option for source in sources for option in DECLARED.findall(source)}
    assert set(PRINTED.findall(card.read_text(encoding="utf-8"))) <= known
