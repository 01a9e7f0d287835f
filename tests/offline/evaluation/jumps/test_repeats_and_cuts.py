"""The exercise of jumps: what it cuts, which places it takes for alike, and its verdict on a followed melody."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.following.config import FollowConfig
from offline.datasets.performances import score_midi
from offline.evaluation.jumps.bar_jumps import evaluate_bar_jumps, jump_at_bars
from offline.evaluation.jumps.repeats_and_cuts import Splice, evaluate_jumps, same_places, splice
from tests.engine.following.play import RATE, sound
from tests.engine.following.test_jumps import PLAIN, wandering


def test_places_with_the_same_notes_are_alike() -> None:
    once = wandering(32)
    assert same_places(once, 4.0, 8.0).tolist() == [0.0]
    assert 0.0 in same_places(once, 100.0, 104.0)  # no notes there


def test_parts_are_where_they_are_said_to_be() -> None:
    rate, audio_s = 1000, np.arange(0.5, 60.0, 0.25)
    ramp = np.arange(61 * rate, dtype=np.float32)
    made = splice(ramp, rate, audio_s, np.random.default_rng(1), n_jumps=4, pause_s=0.5)
    assert isinstance(made, Splice)
    assert len(made.parts) == 5
    for begin, first, last in made.parts:
        middle = (last - first) / 2
        assert made.audio[round((begin + middle) * rate)] == pytest.approx((first + middle) * rate, abs=2)
    stops = [(a[2], b[1]) for a, b in pairwise(made.parts)]
    assert all(abs(stop - start) > 4.9 for stop, start in stops)


@pytest.fixture
def piece(tmp_path: Path) -> Path:
    score = wandering(160, bars=[(4.0 * i, i + 1) for i in range(20)])
    audio, played = sound(score, PLAIN)
    soundfile.write(tmp_path / "performance.wav", audio, RATE)
    score_midi(score).save(tmp_path / "score.mid")
    rows = "".join(f"{q},{s}\n" for q, s in zip(played.quarter, played.audio_s, strict=True))
    (tmp_path / "truth.csv").write_text("quarter,audio_s\n" + rows)
    return tmp_path


def test_a_melody_is_found_again(piece: Path) -> None:
    said: list[str] = []
    evaluate_jumps(piece, FollowConfig(), say=said.append)
    assert said[0].startswith("12 jumps")
    assert float(said[0].split()[-2]) >= 75
    assert said[-1].startswith("clean playing: 0 leaps from right to wrong, 0 of under 3 s")


def test_jumps_at_bars_are_where_they_are_said_to_be() -> None:
    """A ramp tells which part sounds: at each onset that of the recording."""
    rate, score = 1000, wandering(160, bars=[(4.0 * i, i + 1) for i in range(20)])
    quarter = score.onset_quarter
    at_s = 1.0 + 0.6 * quarter
    ramp = np.arange(60 * rate, dtype=np.float32)
    made = jump_at_bars(ramp, rate, score, (quarter, at_s), np.random.default_rng(4))
    assert len(made.stretches) > 2
    assert {stretch.disruption for stretch in made.stretches[1:]} <= {"again", "skip"}
    for stretch in made.stretches:
        assert stretch.quarter[0] % 4 == 0 and stretch.quarter[-1] % 4 == 0  # bars
        middle = len(stretch.at_s) // 2
        found = made.audio[round(float(stretch.at_s[middle]) * rate)] / rate
        assert found == pytest.approx(1.0 + 0.6 * stretch.quarter[middle], abs=2 / rate)


def test_a_melody_is_found_again_from_bar_to_bar(piece: Path) -> None:
    said: list[str] = []
    evaluate_bar_jumps(piece, FollowConfig(), say=said.append)
    assert len(said) == 4
    assert float(said[2].split("right within 3 s ")[1].split(" %")[0]) >= 75
    assert said[3].startswith("0 leaps from right to wrong")
