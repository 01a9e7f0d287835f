"""Predictions that are corrected by how the soloist has kept to those before."""

from __future__ import annotations

import numpy as np
import pytest

from engine.accompaniment.tempo.calibration import LEAST_S, Calibration

SD_S = 0.05  # as the follower tells of players on the whole
MANY = 60  # onsets, after which what was assumed before the first has faded


def played(errors_s: np.ndarray) -> Calibration:
    """Calibration after onsets a second apart that came later than foreseen by this."""
    calibration = Calibration()
    for onset, error_s in enumerate(errors_s.tolist()):
        calibration.foresee(onset, float(onset), SD_S)
        calibration.take(onset, onset + error_s)
    return calibration


def test_nothing_is_corrected_before_the_first_onset() -> None:
    assert Calibration().corrected(3.0, SD_S) == (3.0, SD_S)


def test_the_spread_becomes_that_of_the_soloist() -> None:
    for sd_s in (0.02, 0.1):
        spreads = [played(np.random.default_rng(i).normal(0, sd_s, MANY)).corrected(0.0, SD_S)[1] for i in range(20)]
        assert np.median(spreads) == pytest.approx(sd_s, rel=0.2)
    assert played(np.zeros(MANY)).corrected(0.0, SD_S)[1] == LEAST_S


def test_who_comes_late_as_a_rule_is_expected_later() -> None:
    due_s, sd_s = played(np.full(MANY, 0.03)).corrected(7.0, SD_S)
    assert due_s == pytest.approx(7.03, abs=0.001)
    assert sd_s == LEAST_S


def test_a_stop_counts_as_a_few_standard_deviations() -> None:
    errors_s = np.zeros(MANY)
    errors_s[-1] = 20.0
    due_s, sd_s = played(errors_s).corrected(0.0, SD_S)
    assert due_s < SD_S and sd_s < SD_S


def test_what_is_predicted_first_counts_and_only_of_the_onset_that_comes() -> None:
    calibration = Calibration()
    calibration.foresee(4, 1.0, SD_S)
    calibration.foresee(4, 1.2, SD_S)
    calibration.take(4, 1.0)
    assert calibration.corrected(0.0, SD_S)[0] == 0.0
    calibration.foresee(5, 2.0, SD_S)
    calibration.take(7, 2.5)
    assert calibration.corrected(0.0, SD_S)[0] == 0.0
