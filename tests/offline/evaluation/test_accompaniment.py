"""The figures of an accompaniment: known answers, and agreement with a judge that shares no code."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import ScoreError
from offline.evaluation.accompaniment import DuoTruth, evaluate_accompaniment, mean_accompaniment, read_duo_truth

SOLO = [(q, 1.0 + 0.5 * q) for q in range(40)]
OWN = [(q / 2, 1.02 + 0.25 * q) for q in range(80)]
TRUTH = DuoTruth(np.array(SOLO), np.array(OWN))
JUDGE = Path("tools/score_duo.py")
ROUNDED = 0.051  # the judge prints one decimal


def late(by_s: float, rows: list[tuple[float, float]] = OWN) -> list[tuple[float, float]]:
    return [(q, at_s + by_s) for q, at_s in rows]


def test_a_perfect_accompaniment() -> None:
    result = evaluate_accompaniment(TRUTH, OWN)
    assert result.within == (100.0, 100.0, 100.0)
    assert (result.missing, result.extra, result.with_solo, result.n) == (0.0, 0, 100.0, 80)


@pytest.mark.parametrize(("by_s", "within"), [(0.04, (0, 100, 100)), (-0.08, (0, 0, 100)), (0.2, (0, 0, 0))])
def test_late_and_early(by_s: float, within: tuple[float, ...]) -> None:
    result = evaluate_accompaniment(TRUTH, late(by_s))
    assert result.within == within
    assert result.behind_s == pytest.approx(by_s)


def test_missing_and_extra() -> None:
    result = evaluate_accompaniment(TRUTH, [*OWN[:60], (3.25, 9.0), (5.25, 9.0)])
    assert result.missing == 25.0
    assert result.extra == 2
    assert result.within[0] == 75.0


def test_chords_count_once() -> None:
    assert evaluate_accompaniment(TRUTH, [*OWN, *late(0.01)]) == evaluate_accompaniment(TRUTH, OWN)


def test_recovery_after_a_jump() -> None:
    solo = SOLO[:20] + [(q - 10, at_s) for q, at_s in SOLO[20:]]
    own = OWN[:40] + [(q - 10, at_s) for q, at_s in OWN[40:]]
    truth = DuoTruth(np.array(solo, dtype=float), np.array(own, dtype=float))
    played = own[:40] + own[46:]
    assert evaluate_accompaniment(truth, played).recovery_s == (pytest.approx(1.52),)


def test_the_mean_keeps_every_recovery() -> None:
    one = evaluate_accompaniment(TRUTH, late(0.04))
    mean = mean_accompaniment({"a": one, "b": evaluate_accompaniment(TRUTH, OWN)})
    assert mean.within == (50.0, 100.0, 100.0)
    assert mean.n == 160


def test_a_truth_without_parts_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "truth.csv"
    path.write_text("quarter,audio_s\n0,1\n")
    with pytest.raises(ScoreError, match="quarter,audio_s,part"):
        read_duo_truth(path)


def test_agrees_with_the_judge(shared: Path, tmp_path: Path) -> None:
    """On every duo, for an accompaniment with errors of every kind."""
    if not (shared / JUDGE).exists():
        pytest.skip("the judge is not here")
    for place in sorted((shared / "data" / "duo").iterdir()):
        truth = read_duo_truth(place / "truth.csv")
        played = flawed(truth.accompaniment)
        path = tmp_path / "played.csv"
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([("quarter", "audio_s"), *played])
        command = [sys.executable, str(shared / JUDGE), str(place / "truth.csv"), str(path), "--json"]
        judged = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        ours, theirs = evaluate_accompaniment(truth, played), judged["all"]
        assert ours.n == theirs["n"]
        assert ours.extra == judged["extra"]
        assert np.allclose(ours.within, [theirs[f"share{ms}"] for ms in (30, 50, 100)], atol=ROUNDED)
        assert np.allclose(
            [1000 * ours.median_s, 1000 * ours.p90_s], [theirs["median_ms"], theirs["p90_ms"]], atol=ROUNDED
        )
        assert np.isclose(ours.with_solo, judged["vs_solo"]["share50"], atol=ROUNDED)
        assert [round(s, 2) if np.isfinite(s) else None for s in ours.recovery_s] == judged["recovered_after_s"]


def flawed(own: np.ndarray) -> list[tuple[float, float]]:
    """Errors of all sizes, onsets left out, played twice, and never written."""
    rng = np.random.default_rng(7)
    rows = [(q, at_s + rng.laplace(0.01, 0.06)) for q, at_s in own if rng.random() > 0.05]
    rows += [(q, at_s + 0.5) for q, at_s in own[::37]] + [(q + 0.11, at_s) for q, at_s in own[::53]]
    return rows
