"""The shipped weights: every file has its card, the card is true, and all together are small."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from offline.generation.cards import FLOORS_FILE, FOLDER, card_of, find_weights
from offline.generation.systems import system_table
from offline.generation.weights import SystemFiles

FILES = [path for card in sorted(FOLDER.glob("*.toml")) if (path := find_weights(card.stem)) is not None]
MAX_BYTES = 20_000_000


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_its_card_is_true(path: Path) -> None:
    card = card_of(path.stem)
    assert card["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert all(card[name] for name in ("licence", "data", "split", "training", "metric", "figures", "size", "network"))
    for part, digest in card.get("parts", {}).items():
        assert digest == hashlib.sha256(path.with_name(f"{path.stem}-{part}.onnx").read_bytes()).hexdigest()
    if path.suffix == ".onnx":
        assert SystemFiles(path).value("system", str) == path.stem


def test_every_file_is_on_a_card() -> None:
    parts = {f"{path.stem}-{part}" for path in FILES for part in card_of(path.stem).get("parts", {})}
    files = {path.stem for suffix in ("onnx", "npz") for path in FOLDER.glob(f"*.{suffix}")}
    assert files == {path.stem for path in FILES} | parts | {Path(FLOORS_FILE).stem}
    assert {path.stem for path in FOLDER.glob("*.toml")} == {path.stem for path in FILES}


def test_all_of_them_are_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.glob("*")) < MAX_BYTES


def test_the_table_says_what_each_reached() -> None:
    lines = {line.split()[0]: line for line in system_table().splitlines()[1:]}
    for path in FILES:
        assert f"{next(iter(card_of(path.stem)['figures'].values())):.3f}" in lines[path.stem]
