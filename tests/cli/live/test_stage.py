"""`collaparte stage` before its first session: what it refuses, and what sessions its options mean."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from cli.commands.stage import StageOptions
from cli.live.stage import run_stage, stage_abilities
from cli.live.stage_sessions import StageScoreAtHand, changed_pipeline, session_config, starting_gains
from engine.audio.devices import SILENT, device_of
from engine.core.errors import EngineError
from engine.pipeline.pipeline import exchangeable
from engine.stage.controls.desk import StageDesk
from tests.cli.live.stage_music import written
from tests.duos import write_duo_score
from tests.places import ROOT

RATE = 22_050


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return written(tmp_path, n_bars=4, repeated=0)


@pytest.fixture
def take(tmp_path: Path) -> Path:
    path = tmp_path / "take.flac"
    soundfile.write(path, np.zeros((RATE, 2)), RATE)
    return path


def options(score: Path, take: Path, **more: Any) -> StageOptions:
    return StageOptions(score=score, **{"input": str(take), "browser": False, "features": "bands", "port": 0, **more})


def at_hand(score: Path, number: int = 1, **desk: Any) -> StageScoreAtHand:
    return StageScoreAtHand(path=score, desk=StageDesk(**desk), number=number)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"input": None}, "--input: expected a recording or a device"),
        ({"review": Path("take.flac"), "events": "take.jsonl"}, "--review"),
        ({"input": None, "review": Path("take.flac")}, "no --events"),
    ],
)
def test_what_is_missing_is_said_at_once(study: Path, take: Path, more: dict[str, Any], said: str) -> None:
    with pytest.raises(EngineError, match=said):
        run_stage(options(study, take, **more))


def test_a_folder_without_scores_and_what_is_no_score_are_refused(tmp_path: Path, take: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for path in (empty, take):
        with pytest.raises(EngineError):
            run_stage(options(path, take))


def test_a_port_that_is_taken_is_refused(study: Path, take: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(EngineError, match="a free port"):
            run_stage(options(study, take, port=other.getsockname()[1]))


def test_a_file_without_a_listener_goes_at_its_own_pace(study: Path, take: Path) -> None:
    config = session_config(options(study, take), at_hand(study))
    sink = device_of(config.sink) if config.sink is not None else None
    assert sink is not None and sink.backend == SILENT and sink.n_channels == 2
    assert config.as_heard and config.source == take
    assert starting_gains(config, ("input",)) == {"input": 0.0}


def test_looped_bars_are_what_is_followed(study: Path, take: Path) -> None:
    config = session_config(options(study, take), at_hand(study, loop=(2, 3)))
    score: Any = config.pipeline.score
    assert score.bar_number[:5].tolist() == [2, 3, 2, 3, 2]
    loop = config.pipeline.loop
    assert (
        loop is not None and (loop.first, loop.length) == (4.0, 8.0) and loop.whole.bar_number.tolist() == [1, 2, 3, 4]
    )
    changed = changed_pipeline(options(study, take), at_hand(study, loop=(1, 1)), RATE, config.pipeline)
    assert changed.loop is not None and changed.loop.length == 4.0 and exchangeable(config.pipeline, changed)


def test_a_soloist_is_accompanied_and_the_other_parts_can_be_played(tmp_path: Path, take: Path) -> None:
    score = write_duo_score(tmp_path / "duo.mid", [(0, 1, 67, 80), (1, 1, 69, 80)], [(0, 2, 48, 70)])
    chosen = options(score, take, solo=("Solo",))
    config = session_config(chosen, at_hand(score))
    assert config.pipeline.accompany is not None
    assert [part.name for part in config.pipeline.accompany.accompaniment.parts] == ["Piano"]
    assert stage_abilities(chosen) == ["follow", "accompany"]


def test_a_second_session_overwrites_no_events(study: Path, take: Path, tmp_path: Path) -> None:
    events = str(tmp_path / "take.jsonl")
    names = [session_config(options(study, take, events=events), at_hand(study, n)).events_to for n in (1, 2, 3)]
    assert names == [events, str(tmp_path / "take-2.jsonl"), str(tmp_path / "take-3.jsonl")]


@pytest.mark.parametrize("output", [("stems/",), ("device", "jack")])
def test_only_one_device_is_played_on(study: Path, take: Path, output: tuple[str, ...]) -> None:
    with pytest.raises(EngineError, match="one device"):
        session_config(options(study, take, output=output), at_hand(study))


def test_a_score_that_simply_plays_is_followed_by_nobody_and_all_its_parts_have_faders(
    tmp_path: Path, take: Path
) -> None:
    score = write_duo_score(tmp_path / "duo.mid", [(0, 1, 67, 80), (1, 1, 69, 80)], [(0, 2, 48, 70)])
    config = session_config(options(score, take, solo=("none",)), at_hand(score))
    accompany = config.pipeline.accompany
    assert config.pipeline.score is None and accompany is not None and not accompany.accompaniment.follows
    assert [part.name for part in accompany.accompaniment.parts] == ["Solo", "Piano"]


def test_the_page_is_served_before_what_a_session_needs_is_loaded() -> None:
    code = (
        "import sys, cli.live.stage; print([name for name in ('numba', 'onnxruntime', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
