"""Hard takes are judged as a person would: right, recovered, leapt, sure."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from offline.datasets.hard_set import HardRow
from offline.evaluation.hard import STEP_S, HardOutcome, judge_take, summarise
from offline.evaluation.onsets import PositionTrack
from offline.evaluation.reliability import draw_reliability, expected_calibration_error, reliability
from offline.music.musicxml_file import Printed, write_printed

ROW = HardRow(take="t", half="tuning", situation="s", piece="p", value="", sounds="", seconds="60")
PITCHES = np.random.default_rng(0).integers(50, 80, 40).tolist()  # a quarter a second, no place like another


def write(path: Path, header: str, rows: list[tuple[object, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header.split(","), *rows])


@pytest.fixture
def take(tmp_path: Path) -> Path:
    """Quarters 0 to 10 from second 1 on, then 20 to 40 from second 13 on; a quarter a second."""
    rows = [(float(q), 1.0, p, 64) for q, p in enumerate(PITCHES)]
    write_printed(tmp_path / "score.musicxml", Printed(parts={"A": rows}, beats=4, n_bars=10, bpm=60))
    truth = [(q, q + 1.0, 0) for q in range(10)] + [(q, q - 7.0, 1) for q in range(20, 40)]
    write(tmp_path / "truth.csv", "quarter,audio_s,segment", truth)
    segments = [(1, 11, 0, 10, "playing", ""), (13, 33, 20, 40, "playing", "skip")]
    write(tmp_path / "segments.csv", "start_s,end_s,first,last,kind,disruption", segments)
    return tmp_path


def judged(take: Path, quarter: object, confidence: float = 0.7) -> HardOutcome:
    at_s = np.arange(0, 35, 0.01)
    track = PositionTrack(at_s, np.array([float(quarter(t)) for t in at_s]), np.full(len(at_s), confidence))  # type: ignore[operator]
    return judge_take(take, ROW, lambda piece: track)


def truth(t: float) -> float:
    return t - 1 if t < 12 else t + 7


def test_who_follows_is_right(take: Path) -> None:
    outcome = judged(take, truth)
    found = summarise("all", [outcome])
    assert (found.right, found.timely, found.recover_s, found.leaps) == (100, 100, 0, 0)
    assert found.error == pytest.approx(0.3) and found.sure == pytest.approx(0.7) and np.isnan(found.lost)


def test_who_is_late_is_right_but_not_in_time(take: Path) -> None:
    found = summarise("all", [judged(take, lambda t: truth(t) - 0.4)])
    assert found.right == 100 and found.timely == 0


def test_who_needs_five_seconds_recovers_in_five(take: Path) -> None:
    outcome = judged(take, lambda t: t - 1 if t < 18 else t + 7)
    assert outcome.recover_s == pytest.approx([5], abs=2 * STEP_S)
    assert outcome.near.mean() == pytest.approx(25 / 30, abs=0.01)


def test_who_stays_never_recovers_and_is_wrong(take: Path) -> None:
    outcome = judged(take, lambda t: min(t - 1, 9.9))
    assert np.isinf(outcome.recover_s).all()
    assert outcome.near.mean() == pytest.approx(1 / 3, abs=0.01)


def test_leaps_from_right_to_wrong_and_in_silence_are_false(take: Path) -> None:
    assert judged(take, lambda t: truth(t) if t < 25 else truth(t) - 15).n_leaps == 1
    assert judged(take, lambda t: truth(t) if not 11.3 < t < 12.6 else 30.0).n_leaps == 1
    assert judged(take, truth).n_leaps == 0  # the step to where the player will enter, while nobody plays


def test_on_another_piece_nothing_is_right(take: Path) -> None:
    write(take / "truth.csv", "quarter,audio_s,segment", [])
    write(take / "segments.csv", "start_s,end_s,first,last,kind,disruption", [(1, 11, 0, 10, "another", "")])
    found = summarise("all", [judged(take, truth, confidence=0.2)])
    assert np.isnan(found.right) and found.lost == pytest.approx(0.2) and found.error == pytest.approx(0.2)


def test_calibration_by_hand(tmp_path: Path) -> None:
    confidence = np.array([0.25, 0.25, 0.25, 0.25, 0.95, 0.95])
    right = np.array([True, False, False, False, True, False])
    assert expected_calibration_error(confidence, right) == pytest.approx(4 / 6 * 0.0 + 2 / 6 * 0.45)
    assert reliability(confidence, right).n.tolist() == [0, 0, 4, 0, 0, 0, 0, 0, 0, 2]
    draw_reliability(tmp_path / "r.png", confidence, right)
    assert (tmp_path / "r.png").stat().st_size > 5000
