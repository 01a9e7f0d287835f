"""Events survive the way to JSON and back, and bad lines are refused in one line."""

from __future__ import annotations

import json
import pickle

import pytest

from engine.core.errors import ConfigError, DeviceError
from engine.core.events import (
    TYPES,
    Accompanied,
    Control,
    Cue,
    Dropout,
    Event,
    Late,
    Note,
    Onset,
    PieceFound,
    Position,
    Sound,
    State,
    from_line,
    to_line,
)

EXAMPLES: list[Event] = [
    Position(at=44100, emitted_at=46000, quarter=12.5, bar=4, score_s=6.25, tempo_bpm=120.0, confidence=0.75),
    Onset(at=44100, emitted_at=46000, quarter=13.0, due_s=1.25, sd_s=0.03, heard=False),
    Accompanied(at=44600, emitted_at=44100, quarter=12.5),
    State(at=0, emitted_at=2048, name="waiting", why="for the first note", transposition=-2, a4_hz=392.0),
    State(at=0, emitted_at=2048, name="lost", why="what sounds does not fit the score", perhaps=(12.5, 40.0)),
    Sound(at=10, emitted_at=20, label="dog", active=True, probability=0.5),
    Note(at=0, emitted_at=0, pitch=60, velocity=64, channel=0, active=False),
    Cue(at=90, emitted_at=80, name="lights", quarter=12.5, fired=True, made_up=True, why="the place has jumped"),
    Control(at=0, emitted_at=0, controller=64, value=127, channel=3),
    Dropout(at=100, emitted_at=200, samples=256, where="input"),
    Late(at=1, emitted_at=2, samples=3, where="unmix"),
    PieceFound(at=1, emitted_at=2, id="s3", name="minuet", quarter=4.5, bar=2, confidence=0.75, sure=True, rank=1),
]


def test_every_type_has_an_example() -> None:
    assert {type(event) for event in EXAMPLES} == set(TYPES.values())


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: type(event).__name__)
@pytest.mark.parametrize("sample_rate", [8000, 44100, 96000])
def test_round_trip(event: Event, sample_rate: int) -> None:
    assert from_line(to_line(event, sample_rate), sample_rate) == event


def test_a_line_is_as_the_format_says() -> None:
    line = json.loads(to_line(EXAMPLES[0], 44100))
    assert line["type"] == "position" and line["at_s"] == 1.0
    assert set(line) == {"type", "at_s", "emitted_at_s", "quarter", "bar", "score_s", "tempo_bpm", "confidence"}


@pytest.mark.parametrize("line", ["", "[]", "{}", '{"type": "nonsense"}', '{"type": "note", "at_s": 0}', "{"])
def test_bad_lines(line: str) -> None:
    with pytest.raises(ConfigError, match="one JSON event a line"):
        from_line(line, 44100)


def test_unknown_field_lists_the_known() -> None:
    dropout = next(event for event in EXAMPLES if isinstance(event, Dropout))
    line = to_line(dropout, 44100).replace("samples", "n")
    with pytest.raises(ConfigError, match="event line"):
        from_line(line, 44100)


def test_errors_cross_processes() -> None:
    error = DeviceError("jack", expected="a server", got="none", remedy="start jackd")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is DeviceError and str(again) == str(error) == "jack: expected a server, got none; start jackd"
