"""The measures of following against values worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mir_eval.alignment import absolute_error, percentage_correct

from engine.core.errors import ScoreError
from engine.core.events import Dropout, Position
from offline.evaluation.onsets import (
    THRESHOLDS_MS,
    PositionTrack,
    accuracy,
    evaluate_track,
    first_reach,
    format_table,
    mean_accuracy,
    nearest_frame,
    read_truth,
    track_of,
    write_table,
)

# Reaches 1 at 0.2 s, leaps over 2 to 2.5 at 0.3 s, falls back, and never reaches 4.
AT = np.array([0.0, 0.1, 0.2, 0.3, 0.4, 0.5])
QUARTER = np.array([-0.1, 0.0, 1.0, 2.5, 2.0, 3.0])
TRACK = PositionTrack(AT, QUARTER)


def test_first_reach() -> None:
    quarter = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    assert first_reach(TRACK, quarter).tolist() == [0.1, 0.2, 0.3, 0.5, np.inf]


def test_first_reach_forgives_rounding() -> None:
    assert first_reach(TRACK, np.array([1.00005])).tolist() == [0.2]
    assert first_reach(TRACK, np.array([1.001])).tolist() == [0.3]


def test_nearest_frame() -> None:
    assert nearest_frame(TRACK, np.array([0.0, 2.0, 2.4, 9.0])).tolist() == [0.1, 0.4, 0.3, 0.5]
    assert nearest_frame(PositionTrack(AT[:0], AT[:0]), np.array([0.0])).tolist() == [np.inf]


def test_accuracy_by_hand() -> None:
    result = accuracy(np.array([0.0, -0.025, 0.05, 0.0501, -0.1, 0.2, 0.3, np.inf]))
    assert result.within == (25.0, 37.5, 62.5, 75.0)
    assert result.lost == 12.5
    assert result.n == 8
    assert result.mean_s == pytest.approx((0.025 + 0.05 + 0.0501 + 0.1 + 0.2 + 0.3) / 7)
    assert result.median_s == pytest.approx(0.0501)
    assert result.p95_s == pytest.approx(0.2 + 0.7 * 0.1)  # 0.95 * 6 = 5.7 of the way through seven values


def test_a_piece_that_is_lost_altogether() -> None:
    result = accuracy(np.full(4, np.inf))
    assert result.within == (0.0, 0.0, 0.0, 0.0)
    assert result.lost == 100.0
    assert np.isnan(result.median_s)
    both = mean_accuracy([result, accuracy(np.zeros(4))])
    assert both.within == (50.0, 50.0, 50.0, 50.0)
    assert (both.lost, both.median_s, both.n) == (50.0, 0.0, 8)


def test_both_protocols() -> None:
    results = evaluate_track(TRACK, np.array([1.0, 2.0]), np.array([0.2, 0.39]))
    assert results["first reach"].within == (50.0, 50.0, 100.0, 100.0)
    assert results["nearest frame"].within == (100.0, 100.0, 100.0, 100.0)


def position(at: int, quarter: float) -> Position:
    return Position(at=at, emitted_at=at + 5, quarter=quarter, bar=1, score_s=0.0, tempo_bpm=60.0, confidence=1.0)


def test_a_track_is_the_positions_among_the_events() -> None:
    events = [position(0, 0.0), Dropout(at=3, emitted_at=3, samples=1, where="x"), position(100, 1.5)]
    track = track_of(events, 1000)
    assert track.at_s.tolist() == [0.0, 0.1]
    assert track.quarter.tolist() == [0.0, 1.5]


def test_a_broken_truth_is_named(tmp_path: Path) -> None:
    path = tmp_path / "truth.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ScoreError, match="quarter,audio_s"):
        read_truth(path)


def test_files_and_tables(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("quarter,score_s,audio_s\n0.0,0.0,0.25\n")
    quarter, audio_s = read_truth(tmp_path / "a.csv")
    assert (quarter.tolist(), audio_s.tolist()) == ([0.0], [0.25])
    results = {"piece": accuracy(np.array([0.02, 0.07]))}
    write_table(tmp_path / "t.csv", {"first reach": results, "nearest frame": results})
    rows = (tmp_path / "t.csv").read_text().splitlines()
    assert rows[0].startswith("protocol,piece,25 ms,50 ms,100 ms,200 ms,mean ms")
    assert rows[1:] == [f"{name},piece,50.0,50.0,100.0,100.0,45,45,68,0.0,2" for name in evaluate_track(TRACK, AT, AT)]
    assert len({len(line) for line in format_table(results).splitlines()}) == 1


def test_the_shares_agree_with_mir_eval() -> None:
    truth = np.sort(np.random.default_rng(0).uniform(0, 60, 200))
    estimate = np.sort(truth + np.random.default_rng(1).normal(0, 0.08, 200))
    own = accuracy(estimate - truth)
    peer = [100 * percentage_correct(truth, np.maximum(estimate, 0), window=ms / 1000) for ms in THRESHOLDS_MS]
    assert own.within == pytest.approx(peer, abs=1e-9)
    median_s, mean_s = absolute_error(truth, np.maximum(estimate, 0))
    assert (own.median_s, own.mean_s) == pytest.approx((median_s, mean_s), abs=1e-12)
