"""A small corpus of every kind, for whatever learns or plays."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

TUNE = ["M:4/4", "K:G", "|:", "G", "A", "B", "c", "d", "2", "B", "2", ":|"]
CADENCES = ((67, 62, 59, 55), (69, 64, 60, 57), (67, 62, 57, 50), (67, 62, 59, 43))


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small corpus of every kind: cadences, their rolls, and a tune in variants."""
    path = tmp_path_factory.mktemp("symbolic")
    rng = np.random.default_rng(0)

    def chorale() -> list[list[int]]:
        order = [0, *rng.integers(0, 4, 30), 3]
        return np.repeat(np.array(CADENCES)[order], 4, axis=0).tolist()

    chorales = {split: [chorale() for _ in range(n)] for split, n in (("train", 4), ("valid", 2), ("test", 2))}
    (path / "Jsb16thSeparated.json").write_text(json.dumps(chorales))
    sets = {}
    for split, pieces in chorales.items():
        cells = np.empty((1, len(pieces)), object)
        for i, piece in enumerate(pieces):
            cells[0, i] = np.zeros((32, 88), np.uint8)
            for t, frame in enumerate(piece[::4]):
                cells[0, i][t, np.array(frame) - 21] = 1
        sets[split + "data"] = cells
    savemat(path / "JSB_Chorales.mat", sets)
    (path / "tunes.json").write_text(json.dumps([TUNE * int(n) for n in rng.integers(2, 5, 20)]))
    return path
