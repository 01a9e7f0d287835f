"""What is written as MusicXML is read again: notes, chords, ties, voices, repeats, da capo."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.score.readers import read_score
from offline.music.musicxml_file import DIVISIONS, Printed, write_printed
from tests.tolerances import MUSICAL_S

MELODY = [(0.0, 1.0, 60, 64), (1.0, 1 / 3, 63, 64), (4 / 3, 1 / 3, 64, 64), (5 / 3, 1 / 3, 66, 64), (2.0, 2.0, 70, 64)]
UNDER = [(0.5, 3.0, 48, 64), (0.5, 3.0, 52, 64), (1.0, 1.0, 41, 64)]  # a chord over the bar line, and a voice below


def notes(path: Path) -> list[tuple[float, float, int]]:
    score = read_score(path)
    rows = zip(score.note_quarter, score.note_duration, score.note_pitch.tolist(), strict=True)
    return sorted(
        (round(float(q) * DIVISIONS) / DIVISIONS, round(float(d) * DIVISIONS) / DIVISIONS, p) for q, d, p in rows
    )


def expected(*rows: list[tuple[float, float, int, int]]) -> list[tuple[float, float, int]]:
    return sorted(
        (round(q * DIVISIONS) / DIVISIONS, round(d * DIVISIONS) / DIVISIONS, p) for row in rows for q, d, p, _ in row
    )


def test_notes_come_back(tmp_path: Path) -> None:
    path = tmp_path / "a.musicxml"
    write_printed(path, Printed(parts={"Flute": MELODY, "Bass": UNDER}, beats=3, n_bars=2, bpm=90))
    assert notes(path) == expected(MELODY, UNDER)
    assert abs(float(read_score(path).seconds(3.0)) - 2.0) < MUSICAL_S


def test_a_repeat_is_played_out(tmp_path: Path) -> None:
    path = tmp_path / "a.musicxml"
    rows = [(float(q), 1.0, 60 + q, 64) for q in range(12)]
    write_printed(path, Printed(parts={"Flute": rows}, beats=3, n_bars=4, bpm=90, repeat=(1, 3)))
    assert [p - 60 for _, _, p in notes(path)] == [*range(9), *range(3, 12)]


def test_da_capo_ends_at_fine(tmp_path: Path) -> None:
    path = tmp_path / "a.musicxml"
    rows = [(float(q), 1.0, 60 + q, 64) for q in range(12)]
    write_printed(path, Printed(parts={"Flute": rows}, beats=3, n_bars=4, bpm=90, fine=2))
    score = read_score(path)
    assert np.array_equal(score.note_pitch - 60, [*range(12), *range(6)])
