"""A key puts a cue on the beat that is heard, in the pass that is played, and what is written is a cue list."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.core.errors import ConfigError
from engine.core.events import Position, State
from engine.score.score import make_score
from engine.stage.cues.cue_list import read_cues
from engine.stage.cues.recorder import CueRecorder, RecordedCue, written_cues
from tests.engine.stage.cues.test_places import minuet

RATE = 1000


def heard(recorder: CueRecorder, quarter: float, at_s: float, state: str = "following") -> CueRecorder:
    at = round(at_s * RATE)
    recorder.take(State(at=at, emitted_at=at, name=state, why=""))
    recorder.take(Position(at=at, emitted_at=at, quarter=quarter, bar=1, score_s=0, tempo_bpm=120, confidence=1))
    return recorder


@pytest.mark.parametrize(
    ("quarter", "later_s", "at", "pass_number"),
    [
        (4.0, 0.0, "bar 2", 1),
        (5.3, 0.3, "bar 2 beat 3", 1),
        (13.9, 0.1, "bar 2 beat 2", 2),
        (20.4, 0.0, "bar 4 beat 2", None),
        (-0.2, 0.0, "bar 0 beat 3", None),
        (50.0, 9.0, "bar 4 beat 2", None),
    ],
)
def test_it_is_put_on_the_beat(quarter: float, later_s: float, at: str, pass_number: int | None) -> None:
    cue = heard(CueRecorder(minuet(), RATE), quarter, 1.0).press(1.0 + later_s)
    assert (cue.at, cue.pass_number) == (at, pass_number)


def test_it_may_be_put_on_an_onset_or_nowhere() -> None:
    score = make_score("s", [(0, 1, 60, 64), (0.7, 1, 60, 64)], bars=[(0, 1)])
    assert heard(CueRecorder(score, RATE, "onset"), 0.6, 1.0).press(1.0).quarter == 0.7
    assert heard(CueRecorder(score, RATE, "none"), 0.5, 1.0).press(1.125).at == "bar 1 beat 1.75"


def test_where_no_place_is_known_it_says_so() -> None:
    recorder = CueRecorder(minuet(), RATE)
    with pytest.raises(ConfigError, match="expected a place in the score, got no note yet"):
        recorder.press(0.0)
    with pytest.raises(ConfigError, match="got the state lost"):
        heard(recorder, 3.0, 1.0, "lost").press(1.0)


def test_what_is_written_is_read_and_has_each_cue_where_it_was_put(tmp_path: Path) -> None:
    recorder = CueRecorder(minuet(), RATE)
    cues = [heard(recorder, quarter, 1.0).press(1.0) for quarter in (15.0, 4.0, 20.5)]
    cues.append(RecordedCue(7.25, "quarter 7.2500", None))
    path = tmp_path / "show.toml"
    path.write_text(written_cues(cues, "127.0.0.1:53000"))
    planned = read_cues(path).planned(minuet())
    assert [(cue.name, cue.quarter) for cue in planned] == [
        ("cue 1", 4.0),
        ("cue 2", 7.25),
        ("cue 3", 15.0),
        ("cue 4", 20.5),
    ]
