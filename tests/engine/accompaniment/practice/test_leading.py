"""A score that simply plays says where it is, as a follower would."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.accompaniment.accompanist import AccompanyConfig
from engine.accompaniment.scheduler import Introduction
from engine.core.events import Accompanied, Event, Position, State
from engine.core.format import AudioFormat
from engine.core.orders import GoTo, SetPace
from engine.pipeline.pipeline import Pipeline, PipelineConfig
from tests.engine.accompaniment.test_touch import accompaniment

RATE = 22_050
AUDIO = AudioFormat(sample_rate=RATE, n_channels=1)
START_S = 0.5


def pipeline(pace: float = 1.0) -> Pipeline:
    both = replace(accompaniment(), follows=False)
    never = replace(
        both.solo,
        note_quarter=both.solo.note_quarter[:1] + 1e6,
        note_duration=both.solo.note_duration[:1],
        note_pitch=both.solo.note_pitch[:1],
        note_velocity=both.solo.note_velocity[:1],
        note_id=both.solo.note_id[:1],
    )
    intro = Introduction(start_s=START_S, pace=pace, told=True)
    return Pipeline(
        AUDIO, PipelineConfig(accompany=AccompanyConfig(accompaniment=replace(both, solo=never), intro=intro))
    )


def played(node: Pipeline, seconds: float, block: int = 512) -> list[Event]:
    silence = np.zeros((round(seconds * RATE), 1), np.float32)
    return [event for at in range(0, len(silence), block) for event in node.process(silence[at : at + block]).events]


def places(events: list[Event]) -> tuple[np.ndarray, np.ndarray]:
    rows = [(event.at / RATE, event.quarter) for event in events if isinstance(event, Position)]
    at_s, quarter = np.array(rows).T
    return at_s, quarter


def test_positions_are_where_the_accompaniment_sounds() -> None:
    events = played(pipeline(), 6.0)
    at_s, quarter = places(events)
    assert (np.diff(quarter) >= 0).all()
    for event in events:
        if isinstance(event, Accompanied) and event.at < 5.5 * RATE:
            assert np.interp(event.at / RATE, at_s, quarter) == pytest.approx(event.quarter, abs=0.05)
    states = [event.name for event in events if isinstance(event, State)]
    assert states[:2] == ["waiting", "following"]


def test_at_another_pace_and_from_elsewhere() -> None:
    node = pipeline()
    before_s, before = places(played(node, 3.0))
    node.obey(SetPace(0.5))
    slow_s, slow = places(played(node, 2.0))
    assert np.polyfit(slow_s, slow, 1)[0] == pytest.approx(np.polyfit(before_s, before, 1)[0] / 2, rel=0.05)
    node.obey(GoTo(1.0))
    again = places(played(node, 1.0))[1]
    assert again[2] == pytest.approx(1.0, abs=0.6) and again[-1] > again[2]


def test_nothing_of_it_depends_on_how_time_is_cut() -> None:
    assert played(pipeline(), 3.0, 512) == played(pipeline(), 3.0, 147)


def test_the_end_is_told() -> None:
    events = played(pipeline(pace=0.1), 4.0, 4096)
    assert [event.name for event in events if isinstance(event, State)][-1] == "ended"
