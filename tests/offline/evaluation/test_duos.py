"""Duos are evaluated with what was rehearsed, and beside it how they would have been without."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from cli.app import main
from engine.accompaniment.parts import read_accompaniment
from engine.accompaniment.tempo_curve import RehearsedTake, TempoCurve, beat_grid
from offline.accompaniment.tempo_curves import write_tempo_curve
from tests.duos import BPM, make_duo

QUARTERS = 8


@pytest.fixture(scope="module")
def duos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two duos that are alike; the takes beside it are of the first alone."""
    root = tmp_path_factory.mktemp("duos")
    for name in ("first", "second"):
        (root / "duos" / name).mkdir(parents=True)
        make_duo(root / "duos" / name, 22050, quarters=QUARTERS)
    solo = read_accompaniment(root / "duos" / "first" / "score.mid").solo
    grid = beat_grid(solo)
    (root / "takes" / "first").mkdir(parents=True)
    take = RehearsedTake("monday", 1.0 + grid * 60 / BPM)
    write_tempo_curve(root / "takes" / "first" / "curve.csv", solo, TempoCurve(quarter=grid, takes=(take,)))
    return root


def test_rehearsals_are_compared_with_none(duos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "table.csv"
    words = ["evaluate", "accompany", str(duos / "duos"), "--features", "bands", "--csv", str(table)]
    assert main([*words, "--rehearsals", str(duos / "takes")]) == 0
    with table.open() as file:
        rows = {row["piece"]: float(row["100 ms"]) for row in csv.DictReader(file)}
    assert list(rows)[:2] == ["first", "without a rehearsal"] and "second" not in rows
    assert rows["first"] > 80 and rows["without a rehearsal"] > 80
    assert "second" in "".join(capsys.readouterr()), "what is left out is said"


def test_rehearsals_of_no_duo_are_refused(duos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "accompany", str(duos / "duos"), "--rehearsals", str(tmp_path)]) != 0
    assert "takes" in capsys.readouterr().err
