"""Takes that leave the order of the score: which parts they play, and rows only for what they play."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cli.app import main
from engine.following.follower import follow_frames
from engine.following.reference import reference_from_score
from engine.score.score import Score
from offline.alignment.alignment import AlignConfig, Alignment, align
from offline.alignment.repeats_and_cuts import PlayedPart, as_played, played_parts
from offline.alignment.tuning import measure_profile
from offline.evaluation.onsets import read_truth
from tests.offline.alignment.takes import (
    ROUTES,
    Route,
    RoutedTake,
    piece,
    repeated,
    restart,
    routed_take,
)

NEAR_S = 0.1  # a row of the right onset: half of the shortest distance of two onsets in these pieces
MOSTLY = 0.94  # of the rows: two of five short parts may begin an onset late
EDGE = 2  # onsets by which a jump may be missed: so few have too little evidence
KINDS = [pytest.param(*kind, id=kind[1].__name__) for kind in ROUTES]


def parts_of(take: RoutedTake) -> list[PlayedPart]:
    config, sound = AlignConfig(), measure_profile(take.recording)
    assert config.jumps is not None
    reference = reference_from_score(take.score, follow_frames(take.recording.format), config.follow.features)
    return played_parts(take.score, reference, take.recording, config.follow, sound, config.jumps)


def expected(take: RoutedTake) -> Route:
    """The route; a stop is no jump."""
    out = take.route[:1]
    for first, stop in take.route[1:]:
        out = [*out[:-1], (out[-1][0], stop)] if out[-1][1] == first else [*out, (first, stop)]
    return out


@pytest.mark.parametrize(("make", "route"), KINDS)
def test_the_parts_that_were_played(make: Callable[[int], Score], route: Callable[..., Route]) -> None:
    take = routed_take(make, route, seed=1)
    found = parts_of(take)
    assert len(found) == len(expected(take))
    for part, (first, stop) in zip(found, expected(take), strict=True):
        assert abs(part.first - first) <= EDGE and abs(part.stop - stop) <= EDGE


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 8))
@pytest.mark.parametrize(("make", "route"), KINDS)
def test_rows_for_what_was_played(make: Callable[[int], Score], route: Callable[..., Route], seed: int) -> None:
    check_rows(routed_take(make, route, seed=seed))


def test_rows_for_a_restart() -> None:
    check_rows(routed_take(piece, restart, seed=1))


def check_rows(take: RoutedTake) -> None:
    result = align(take.score, take.recording)
    assert right(take, result) > MOSTLY
    empty = np.isnan(result.audio_s)
    never = np.searchsorted(take.score.onset_quarter, result.quarter[empty] - 1e-6)
    assert len(take.unplayed ^ set(never.tolist())) <= 2 * EDGE * len(take.route)
    assert (result.confidence[empty] == 0).all()
    assert set(np.round(result.quarter, 3)) == set(np.round(take.score.onset_quarter, 3))  # nothing has no row


def right(take: RoutedTake, result: Alignment) -> float:
    """The share of what was played that has a row of its own, within NEAR_S."""
    near = np.abs(result.audio_s[:, None] - take.audio_s) < NEAR_S
    same = np.abs(result.quarter[:, None] - take.score.onset_quarter[take.onset]) < 1e-3
    return float((near & same).any(axis=0).mean())


def test_a_score_is_played_without_jumps_when_it_is() -> None:
    take = routed_take(repeated, lambda score, rng: [(0, len(score.onset_quarter))], seed=3)
    assert [(part.first, part.stop) for part in parts_of(take)] == [(0, len(take.score.onset_quarter))]


def test_the_written_score_waits_between_parts_as_the_player_did() -> None:
    score = piece(1)
    step = float(score.seconds(score.onset_quarter[10]) - score.seconds(score.onset_quarter[0]))
    parts = [PlayedPart(0, 11, 0.0, 2 * step), PlayedPart(5, 20, 2 * step + 6.0, 20.0)]
    written = as_played(score, parts).score
    gap = float(np.diff(written.seconds(written.onset_quarter[10:12]))[0])
    assert gap == pytest.approx(3.0)  # six seconds at half the tempo


def test_the_case_of_a_repeat_left_out(shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    audio = shared.parent / "cases" / "audio"
    if not audio.is_dir():
        pytest.skip("the cases in ../shared are not here")
    out = tmp_path / "a.csv"
    assert main(["align", str(audio / "rep14.musicxml"), str(audio / "repeat_skipped.flac"), "-o", str(out)]) == 0
    quarter, audio_s = read_truth(out)
    truth_quarter, truth_s = read_truth(audio / "repeat_skipped.truth.csv")
    assert np.round(quarter, 3).tolist() == truth_quarter.tolist()
    assert np.abs(audio_s - truth_s).max() < 0.05
    rows = out.read_text().splitlines()[1:]
    assert sum(row.endswith(",") for row in rows) == 29 and len(rows) == 79
    assert re.search(r"50 of 79 onsets.*29 were not played", capsys.readouterr().out)
