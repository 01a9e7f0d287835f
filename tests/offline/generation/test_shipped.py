"""The shipped weights: every file has its card, the card is true, and all together are small."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from offline.generation.cards import FOLDER, card_of
from offline.generation.systems import system_table
from offline.generation.weights import StoredWeights

FILES = sorted(p for p in FOLDER.glob("*") if p.suffix in (".npz", ".onnx") and not p.stem.endswith("-head"))
MAX_BYTES = 60_000_000


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_its_card_is_true(path: Path) -> None:
    card = card_of(path.stem)
    assert card["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert all(card[name] for name in ("licence", "data", "split", "training", "metric", "figures", "size", "network"))
    if path.suffix == ".npz":
        assert StoredWeights(path).meta["system"] == path.stem


def test_all_of_them_are_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.glob("*")) < MAX_BYTES


def test_the_table_says_what_each_reached() -> None:
    lines = {line.split()[0]: line for line in system_table().splitlines()[1:]}
    for path in FILES:
        assert lines[path.stem].endswith(f"{next(iter(card_of(path.stem)['figures'].values())):.3f}")
