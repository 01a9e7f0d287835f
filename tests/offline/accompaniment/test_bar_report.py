"""The report of a practice: bars that slowed down, were played again, or left out; known answers."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.core.events import Position, State
from engine.score.score import Score, make_score
from offline.accompaniment.bar_report import BarLog, BarRow, write_bar_report
from offline.accompaniment.bar_report_plot import draw_bar_report

RATE = 1000
SCORE = make_score("eight", [(q, 1, 60, 80) for q in range(32)], bars=[(4.0 * i, i + 1) for i in range(8)])
STEP_S = 0.01


def rows_of(
    passages: Sequence[tuple[float, float, float]], *, state: str = "following", score: Score = SCORE
) -> list[BarRow]:
    """The report of passages (first quarter, last quarter, quarters a second), one after another without a pause."""
    log = BarLog(score, RATE)
    log.take(State(at=0, emitted_at=0, name=state, why=""))
    at_s = 1.0
    for first, last, speed in passages:
        for quarter in np.arange(first, last, speed * STEP_S):
            at, at_s = round(at_s * RATE), at_s + STEP_S
            place = {"quarter": float(quarter), "bar": 1, "score_s": 0.0}
            log.take(Position(at=at, emitted_at=at, **place, tempo_bpm=60 * speed, confidence=1.0))
    return log.rows()


def remarks(rows: Sequence[BarRow]) -> list[tuple[int, str]]:
    return [(row.bar, row.remark) for row in rows]


def test_played_as_written() -> None:
    rows = rows_of([(0, 32, 2.0)])
    assert remarks(rows) == [(bar, "") for bar in range(1, 9)]
    assert [row.at_s for row in rows] == pytest.approx([1 + 2.0 * i for i in range(8)], abs=0.02)
    assert [row.tempo_bpm for row in rows] == pytest.approx([120] * 8, rel=0.02)
    assert [row.relative for row in rows] == pytest.approx([1] * 8, rel=0.02)


def test_a_bar_that_slowed_down() -> None:
    rows = rows_of([(0, 8, 2.0), (8, 12, 1.2), (12, 32, 2.0)])
    assert [row.bar for row in rows if row.remark == "slower"] == [3]
    assert rows[2].seconds == pytest.approx(4 / 1.2, abs=0.05)
    assert rows[2].relative == pytest.approx(0.6, abs=0.02)


def test_a_loop_that_goes_back_repeats_nothing() -> None:
    score = replace(SCORE, loop=(8.0, 4), bar_place=np.arange(8) % 2, bar_number=np.arange(8) % 2 + 1)
    since, by = score.wrap
    rows = rows_of([(0, since, 2.0), (since - by, since, 2.0), (since - by, since, 2.0)], score=score)
    assert remarks(rows) == [(1 + i % 2, "") for i in range(14)]
    assert [row.time for row in rows] == [1 + i // 2 for i in range(14)]


def test_bars_that_were_played_again() -> None:
    rows = rows_of([(0, 16, 2.0), (8, 32, 2.0)])
    played = [(row.bar, row.time) for row in rows]
    assert played == [(1, 1), (2, 1), (3, 1), (4, 1), (3, 2), (4, 2), (5, 1), (6, 1), (7, 1), (8, 1)]
    assert [row.bar for row in rows if row.remark == "repeated"] == [3, 4]


def test_bars_that_were_skipped() -> None:
    rows = rows_of([(0, 8, 2.0), (20, 32, 2.0)])
    assert remarks(rows) == [
        (1, ""),
        (2, ""),
        (3, "skipped"),
        (4, "skipped"),
        (5, "skipped"),
        (6, ""),
        (7, ""),
        (8, ""),
    ]


def test_what_was_broken_off_by_less_than_half_a_bar_is_no_bar() -> None:
    assert [row.bar for row in rows_of([(0, 9, 2.0), (4, 8, 2.0)])] == [1, 2, 2]


def test_a_small_step_back_is_a_correction() -> None:
    assert remarks(rows_of([(0, 8.4, 2.0), (7.8, 32, 2.0)])) == [(bar, "") for bar in range(1, 9)]


def test_where_the_place_is_not_known_nothing_is_said() -> None:
    assert rows_of([(0, 32, 2.0)], state="lost") == []


def test_the_table_and_the_picture(tmp_path: Path) -> None:
    rows = rows_of([(0, 8, 2.0), (20, 32, 2.0)])
    write_bar_report(tmp_path / "report.csv", rows)
    with (tmp_path / "report.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [(row["bar"], row["remark"]) for row in table[1:4]] == [("2", ""), ("3", "skipped"), ("4", "skipped")]
    assert table[2]["at_s"] == "" and float(table[1]["at_s"]) == pytest.approx(3.0, abs=0.02)
    draw_bar_report(tmp_path / "report.png", rows)
    draw_bar_report(tmp_path / "empty.png", [])
    assert (tmp_path / "report.png").stat().st_size > (tmp_path / "empty.png").stat().st_size > 1000


def test_a_last_bar_of_one_long_note_is_played_when_the_follower_says_so() -> None:
    score = make_score("long", [*((q, 1, 60, 80) for q in range(8)), (8, 4, 60, 80)], bars=[(0, 1), (4, 2), (8, 3)])
    log = BarLog(score, RATE)
    log.take(State(at=0, emitted_at=0, name="following", why=""))
    for quarter in np.arange(0, 8.01, 0.02):
        at = round(quarter * 500)
        log.take(Position(at=at, emitted_at=at, quarter=quarter, bar=1, score_s=0, tempo_bpm=120, confidence=1))
    assert [row.bar for row in log.rows()] == [1, 2]
    log.take(State(at=6000, emitted_at=6100, name="ended", why=""))
    rows = log.rows()
    assert remarks(rows) == [(1, ""), (2, ""), (3, "")]
    assert rows[-1].seconds == pytest.approx(2.0, abs=0.02)
