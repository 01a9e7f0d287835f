"""A pipeline that goes on in other bars of its score while it runs, as one practises them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engine.accompaniment.accompanist import AccompanyConfig
from engine.core.events import Accompanied, Event, Onset, Position, State
from engine.core.format import AudioFormat
from engine.core.orders import GoTo
from engine.following.config import FollowConfig, follow_frames
from engine.following.reference import looped_reference, reference_from_score
from engine.pipeline.pipeline import Pipeline, PipelineConfig, exchangeable
from engine.score.loops import BarRange, LoopedBars, looped_bars, looped_draft
from engine.score.parts import ScoreDraft, finished_score
from engine.score.readers import read_draft
from engine.score.score import Score
from offline.synthesis.additive_piano import additive
from offline.synthesis.pianist import exact
from tests.engine.accompaniment.test_touch import accompaniment
from tests.engine.stage.page.music import SmallScore
from tests.tolerances import EXACT

RATE = 22_050
AUDIO = AudioFormat(sample_rate=RATE, n_channels=1)
BARS = BarRange(3, 4)
FOLLOW = FollowConfig(semitones=0)


@pytest.fixture(scope="module")
def draft(tmp_path_factory: pytest.TempPathFactory) -> ScoreDraft:
    path = tmp_path_factory.mktemp("score") / "study.musicxml"
    path.write_text(SmallScore(5, 0).musicxml)
    return read_draft(path)


@pytest.fixture(scope="module")
def whole(draft: ScoreDraft) -> Score:
    return finished_score(draft)


@pytest.fixture(scope="module")
def sound(whole: Score) -> Any:
    """The score as it is written; a quarter lasts 60 / 110 s."""
    return 0.3 * additive(exact(whole), RATE)[:, None]


def place(whole: Score, quarter: float) -> int:
    return round((float(whole.seconds(quarter)) + float(exact(whole).audio_s[0])) * RATE)


def looped(draft: ScoreDraft, whole: Score) -> PipelineConfig:
    loop = looped_bars(draft, BARS, whole)
    score = finished_score(looped_draft(draft, BARS))
    thrice = reference_from_score(score.until(3 * loop.length), follow_frames(AUDIO), FOLLOW.features)
    return PipelineConfig(score=looped_reference(thrice, score), follow=FOLLOW, loop=loop)


def told(pipeline: Pipeline, sound: Any, block: int) -> list[Event]:
    blocks = (sound[at : at + block] for at in range(0, len(sound), block))
    return [event for part in blocks for event in pipeline.process(part).events]


def quarters(events: list[Event]) -> np.ndarray:
    return np.array([event.quarter for event in events if isinstance(event, Position)])


@pytest.fixture(scope="module")
def practised(draft: ScoreDraft, whole: Score, sound: Any) -> dict[int, list[list[Event]]]:
    """What is told, by block: up to bar 3; in the loop, which is played twice; after it, to the end of the piece."""
    third, fourth, fifth = (place(whole, quarter) for quarter in (9.9, 11.9, 15.95))
    out = {}
    for block in (512, 441):
        pipeline = Pipeline(AUDIO, PipelineConfig(score=whole, follow=FOLLOW))
        parts = [told(pipeline, sound[:third], block)]
        pipeline.change_score(pipeline.prepare(looped(draft, whole), float(quarters(parts[0])[-1])))
        again = sound[place(whole, 7.95) : fifth]
        parts.append(told(pipeline, np.concatenate([sound[third:fifth], again, again]), block))
        pipeline.change_score(pipeline.prepare(PipelineConfig(score=whole, follow=FOLLOW), 12.0))
        parts.append(told(pipeline, sound[place(whole, 11.95) :], block))
        out[block] = parts
        assert fourth < fifth
    return out


def test_the_loop_is_followed_from_where_the_music_is_and_told_by_places_of_the_whole_score(
    practised: dict[int, list[list[Event]]],
) -> None:
    before, within, after = map(quarters, practised[512])
    assert before[-1] == pytest.approx(9.9, abs=0.5)
    assert within.min() >= 8 - 1 / 32 and within.max() < 16
    assert (np.diff(within) < -6).sum() == 2  # twice back to the beginning, and never otherwise
    assert np.abs(within[:20] - before[-1]).max() < 1.0
    assert after.max() > 19 and after.min() > 11
    onsets = [event.quarter for event in practised[512][1] if isinstance(event, Onset)]
    assert min(onsets) >= 8 and max(onsets) < 16


def test_the_score_seconds_and_bars_are_those_of_the_whole_score(
    practised: dict[int, list[list[Event]]], whole: Score
) -> None:
    for event in practised[512][1]:
        if isinstance(event, Position) and event.quarter >= 8:
            assert event.bar == whole.bar(event.quarter)
            assert event.score_s == pytest.approx(float(whole.seconds(event.quarter)), abs=EXACT)


def test_nothing_of_it_depends_on_how_the_input_is_cut(practised: dict[int, list[list[Event]]]) -> None:
    """The changes come between two blocks, at the same sample."""
    assert practised[512] == practised[441]


def test_the_follower_says_that_it_waits_and_that_it_follows_again(practised: dict[int, list[list[Event]]]) -> None:
    for events in practised[512][1:]:
        assert [event.name for event in events if isinstance(event, State)][:2] == ["waiting", "following"]


def test_going_to_a_place_of_the_loop_waits_there(draft: ScoreDraft, whole: Score) -> None:
    pipeline = Pipeline(AUDIO, looped(draft, whole))
    told(pipeline, np.zeros((RATE // 4, 1), np.float32), 512)
    pipeline.obey(GoTo(12.0))
    assert quarters(told(pipeline, np.zeros((RATE // 4, 1), np.float32), 512))[-1] == pytest.approx(12.0, abs=0.05)


def test_a_reference_of_a_loop_is_that_of_its_score(draft: ScoreDraft) -> None:
    """But for jumps by many repetitions, which it leaves out."""
    score = finished_score(looped_draft(draft, BARS)).until(6 * 8.0)
    direct = reference_from_score(score, follow_frames(AUDIO), FOLLOW.features)
    tiled = looped_reference(reference_from_score(score.until(24.0), follow_frames(AUDIO), FOLLOW.features), score)
    for name in ("score_s", "quarter", "bar_quarter", "bar_number", "over_s"):
        assert np.array_equal(getattr(tiled, name), getattr(direct, name))
    assert np.allclose(tiled.sustain, direct.sustain, atol=1e-3) and np.allclose(tiled.onset, direct.onset, atol=1e-3)
    for event in range(len(score.onset_quarter)):
        mine, all_of_it = ({*r.links.target[r.links.start[event] : r.links.start[event + 1]]} for r in (tiled, direct))
        assert mine <= all_of_it


@pytest.mark.parametrize(
    ("inside", "outside"), [(-0.25, 7.75), (0.0, 8.0), (5.5, 13.5), (8.0 - 1e-9, 8.0), (20.0, 12.0)]
)
def test_places_of_a_loop(whole: Score, inside: float, outside: float) -> None:
    loop = LoopedBars(first=8.0, length=8.0, lead=0.0, whole=whole)
    assert loop.outside(inside) == pytest.approx(outside)
    if 0 <= inside < 7:
        assert loop.inside(outside) == pytest.approx(inside)
    assert loop.inside(2.0) == loop.inside(16.0) == 0.0 and not loop.holds(16.0) and loop.holds(8.0)


def test_bars_that_begin_with_a_rest_have_a_lead(whole: Score) -> None:
    loop = LoopedBars(first=8.0, length=8.0, lead=1.0, whole=whole)
    assert (
        loop.outside(0.0) == 9.0 and loop.outside(7.0) == 8.0 and loop.inside(8.0) == 0.0 and loop.inside(10.0) == 1.0
    )


def test_what_cannot_go_on_in_another_score(whole: Score) -> None:
    plain = PipelineConfig(score=whole)
    assert exchangeable(plain, plain)
    played = replace(plain, accompany=AccompanyConfig(accompaniment=accompaniment()))
    assert exchangeable(played, played) and not exchangeable(plain, played)
    matched = PipelineConfig(score=whole, follow=FollowConfig(method="match"))
    assert not exchangeable(matched, matched) and not exchangeable(PipelineConfig(), plain)


def test_the_accompaniment_goes_on_in_the_loop(whole: Score) -> None:
    """Nobody plays: in the loop it begins where the soloist would, and is told by places of the whole."""
    both = accompaniment()
    config = PipelineConfig(score=both.solo, follow=FOLLOW, accompany=AccompanyConfig(accompaniment=both))
    pipeline = Pipeline(AUDIO, config)
    pipeline.process(np.zeros((512, 1), np.float32))
    moved = replace(config, loop=LoopedBars(first=100.0, length=8.0, lead=0.0, whole=whole))
    pipeline.change_score(pipeline.prepare(moved, 100.0))
    events = told(pipeline, np.zeros((3 * RATE, 1), np.float32), 512)
    assert all(100 <= event.quarter < 108 for event in events if isinstance(event, Accompanied))
    assert all(event.quarter >= 100 - 1 / 32 for event in events if isinstance(event, Position))
