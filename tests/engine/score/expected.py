"""The file of right values beside score cases, and how a Score is compared with them.

`EXPECTED.json` gives for each file "right_notes": rows (quarter, MIDI number), or "error" where a refusal is right, or
"any" where either is; "right_bars": rows (quarter, printed number) or null; "right_tempi": rows (quarter, quarters a
minute) or null. A key or a value of another kind is an error here, so that no row is passed over.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np

from engine.core.errors import ScoreError
from engine.score.readers import read_score
from engine.score.score import Score

KEYS = {"right_notes", "right_bars", "right_tempi", "why"}
DIGITS = 3  # a thousandth of a quarter: triplets are written with three digits
TEMPO = 0.01  # quarters a minute


def expected_rows(folder: Path) -> dict[str, dict]:
    """The rows of a folder's EXPECTED.json by file; AssertionError where it says what this reader does not know."""
    rows = json.loads((folder / "EXPECTED.json").read_text())
    for name, row in rows.items():
        assert set(row) == KEYS, name
        assert (folder / name).is_file(), name
        assert row["right_notes"] in ("error", "any") or isinstance(row["right_notes"], list), name
    return rows


def faults(path: Path, row: dict) -> list[str]:
    """What is wrong with the reading of a file; empty where it is right."""
    try:
        score = read_score(path)
    except ScoreError as error:
        assert "\n" not in str(error)
        assert str(error).startswith(str(path)), error
        return [] if row["right_notes"] in ("error", "any") else [f"refused: {error}"]
    if row["right_notes"] in ("error", "any"):
        return ["read, but to be refused"] if row["right_notes"] == "error" else []
    return [
        f"{what}: {got} for {right}"
        for what, got, right in (
            ("notes", _notes(score), Counter((round(q, DIGITS), pitch) for q, pitch in row["right_notes"])),
            ("bars", _bars(score), [(round(q, DIGITS), n) for q, n in row["right_bars"] or ()]),
            ("tempi", _tempi(score, row["right_tempi"]), row["right_tempi"] or []),
        )
        if (right or what == "notes") and got != right
    ]


def _notes(score: Score) -> Counter:
    return Counter(zip(np.round(score.note_quarter, DIGITS).tolist(), score.note_pitch.tolist(), strict=True))


def _bars(score: Score) -> list[tuple[float, int]]:
    return list(zip(np.round(score.bar_quarter, DIGITS).tolist(), score.bar_number.tolist(), strict=True))


def _tempi(score: Score, right: list | None) -> list[list[float]]:
    """Quarter and quarters a minute from each corner of the tempo map on; rounded to the right value where near."""
    rates = 60 * np.diff(score.tempo_quarter) / np.diff(score.tempo_s)
    rows = [list(row) for row in zip(score.tempo_quarter[:-1].tolist(), rates.tolist(), strict=True)]
    near = right is not None and len(right) == len(rows) and np.allclose(rows, right, atol=TEMPO)
    return [list(row) for row in right] if near and right is not None else rows
