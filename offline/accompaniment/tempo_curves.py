"""Files of tempo curves: CSV with a row a beat, the expected second, and the second of the beat in each take."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.accompaniment.tempo_curve import RehearsedTake, TempoCurve, beat_grid, expected_score
from engine.core.errors import ScoreError
from engine.core.whole_file import whole_text
from engine.score.score import Score

__all__ = ["CURVE_SUFFIX", "read_tempo_curve", "write_tempo_curve"]

CURVE_SUFFIX = ".csv"
COLUMNS = ("quarter", "expected_s")
SAME_QUARTER = 1e-3
EXPECTED = "a tempo curve: CSV with the columns quarter, expected_s and one for each take"
REMEDY = "collaparte rehearse writes one"


def write_tempo_curve(path: Path, score: Score, curve: TempoCurve) -> None:
    """Write a curve of a score; a take's second is empty where it was not played."""
    expected_s = expected_score(score, curve).seconds(curve.quarter)
    table = np.column_stack([expected_s, *(take.at_s for take in curve.takes)])
    with whole_text(path) as file:
        writer = csv.writer(file)
        writer.writerow([*COLUMNS, *(take.name for take in curve.takes)])
        for quarter, row in zip(curve.quarter, table, strict=True):
            writer.writerow([f"{quarter:g}", *(f"{at_s:.4f}" if np.isfinite(at_s) else "" for at_s in row)])


def read_tempo_curve(path: Path, score: Score) -> TempoCurve:
    """Read a curve of this score; ScoreError for anything else."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            header, *rows = [row for row in csv.reader(file) if row] or [[]]
        table = np.array([[float(cell) if cell.strip() else np.nan for cell in row] for row in rows])
    except OSError as error:
        raise ScoreError(str(path), expected=EXPECTED, got=error.strerror or "none", remedy=REMEDY) from error
    except (ValueError, csv.Error) as error:
        raise ScoreError(str(path), expected=EXPECTED, got=str(error), remedy=REMEDY) from error
    _check(path, header, table, score)
    takes = zip(header[len(COLUMNS) :], table.T[len(COLUMNS) :], strict=True)
    return TempoCurve(quarter=table[:, 0], takes=tuple(RehearsedTake(name, at_s) for name, at_s in takes))


def _check(path: Path, header: Sequence[str], table: npt.NDArray[np.float64], score: Score) -> None:
    named = tuple(cell.strip() for cell in header[: len(COLUMNS)])
    if named != COLUMNS or table.shape[1:] != (len(header),):
        raise ScoreError(str(path), expected=EXPECTED, got=", ".join(header[:4]) or "nothing", remedy=REMEDY)
    grid = beat_grid(score)
    if len(grid) != len(table) or not np.allclose(table[:, 0], grid, atol=SAME_QUARTER):
        expected, got = f"a tempo curve of {score.name}, {len(grid)} beats", f"{len(table)} beats"
        raise ScoreError(str(path), expected=expected, got=got, remedy="rehearse with this score")
    if np.isinf(table).any():
        raise ScoreError(str(path), expected=EXPECTED, got="times without end", remedy=REMEDY)
