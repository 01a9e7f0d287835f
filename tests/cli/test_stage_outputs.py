"""The options for other programs: what cannot work is refused in one line, at once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cli.commands.accompany import AccompanyOptions
from cli.commands.run import RunOptions
from cli.stage_outputs import StageOutputs, has_outlets, open_controls, open_outlets, refuse_outlets
from engine.core.errors import ConfigError
from engine.core.events import Position
from engine.score.score import make_score
from engine.stage.phase import PhaseConfig
from tests.engine.stage.osc.dump import osc_dump

SCORE = make_score("s", [(q, 1.0, 60, 80) for q in range(8)], bars=[(0.0, 1), (4.0, 2)])


def session(score: Any = SCORE, **config: Any) -> Any:
    pipeline = SimpleNamespace(score=score, accompany=None, separate=None, detect=None, attendants=(), loop=None)
    return SimpleNamespace(
        config=SimpleNamespace(pipeline=pipeline, sample_rate=48_000), clock=None, targets=(), **config
    )


def recording() -> Any:
    return SimpleNamespace(written=None)


@pytest.mark.parametrize(
    ("options", "score", "line"),
    [
        (StageOutputs(clock="C"), None, "--clock: expected a score to follow"),
        (StageOutputs(link="lead"), None, "--link: expected a score to follow"),
        (StageOutputs(mtc="C"), recording(), "--mtc: expected a score, which has a time of its own, got a recording"),
        (StageOutputs(beat=PhaseConfig(beat_smoothing=2.0)), SCORE, "something that goes by the beat"),
        (StageOutputs(osc=("no.such.host.invalid:9000",)), SCORE, "a host that can be found"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_runs(options: StageOutputs, score: Any, line: str) -> None:
    with ExitStack() as stack, pytest.raises(ConfigError, match=line):
        open_outlets(options, session(score), stack)


def test_every_option_makes_a_file_be_played_at_its_own_pace_and_is_refused_where_nothing_is_followed() -> None:
    assert not has_outlets(StageOutputs())
    for options in (
        StageOutputs(osc=("a:1",)),
        StageOutputs(osc_in="1"),
        StageOutputs(clock="c"),
        StageOutputs(mtc="c"),
    ):
        assert has_outlets(options)
        with pytest.raises(ConfigError, match="a soloist"):
            refuse_outlets(options, expected="a soloist to follow", got="--solo none")


def test_events_reach_the_program_that_listens() -> None:
    with osc_dump() as dump, ExitStack() as stack:
        take, _ = open_outlets(StageOutputs(osc=(f"127.0.0.1:{dump.port}",)), session(), stack)
        take(Position(at=0, emitted_at=0, quarter=4.5, bar=2, score_s=2.0, tempo_bpm=90.0, confidence=1.0))
        assert "/collaparte/beat i 1" in dump.until("/confidence")


def test_a_session_that_is_not_controlled_has_nothing_that_ends_it() -> None:
    with ExitStack() as stack:
        assert open_controls(StageOutputs(), session(), stack) is None


def test_orders_by_osc_reach_the_session() -> None:
    gains: list[tuple[str, float]] = []
    controlled = session(set_gain=lambda *values: gains.append(values))
    controlled.targets = ("vocals",)
    with ExitStack() as stack:
        halt = open_controls(StageOutputs(osc_in="0"), controlled, stack)
        assert halt is not None
        assert not halt.is_set()


@pytest.mark.parametrize("kind", [RunOptions, AccompanyOptions])
def test_the_commands_share_the_options(kind: Callable[..., Any]) -> None:
    values = {"input": "x"} if kind is RunOptions else {"score": Path("x")}
    assert kind(**values).outward == StageOutputs()
