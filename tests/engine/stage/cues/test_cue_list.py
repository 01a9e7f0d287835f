"""A cue list is read strictly: what is wrong is told in one line, with the line of the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.core.errors import ConfigError
from engine.score.score import make_score
from engine.stage.cues.actions import HttpAction, MidiAction, MqttAction, OscAction, PageAction, SoundAction
from engine.stage.cues.cue_list import CueList, read_cues
from tests.engine.stage.cues.test_places import minuet

SHOW = """\
[timing]
late_s = 0.25

[actions]
blackout = [{ osc = "127.0.0.1:53000", address = "/cue/9/start" }, { http = "http://127.0.0.1:8123/off" }]

[[cue]]
name = "lights"
at = "bar 2 beat 3"
pass = 2
lead_s = 0.5
make_up = true
does = [
    { osc = "127.0.0.1:53000", address = "/cue/1/start", args = [1, 0.5, "go", true] },
    { midi = "Desk", program = 5, channel = 3 },
    { http = "http://127.0.0.1:8123/api", json = { scene = "sea" } },
    { mqtt = "broker.local", topic = "stage/light", payload = "on", retain = true, qos = 1 },
    { page = "bar 3" },
    { sound = "thunder.wav", gain_db = -6 },
]

[[cue]]
at = "mark A"
does = "blackout"
"""


def read(tmp_path: Path, text: str) -> CueList:
    path = tmp_path / "show.toml"
    path.write_text(text)
    return read_cues(path)


def test_a_show(tmp_path: Path) -> None:
    cues = read(tmp_path, SHOW)
    lights, blackout = cues.entries
    assert (lights.name, lights.passes, lights.lead_s, lights.make_up, lights.line) == ("lights", 2, 0.5, True, 7)
    kinds = [type(action) for action in lights.does]
    assert kinds == [OscAction, MidiAction, HttpAction, MqttAction, PageAction, SoundAction]
    assert lights.does[-1] == SoundAction(sound=tmp_path / "thunder.wav", gain_db=-6)
    assert blackout.name == "cue 2" and len(blackout.does) == 2 and blackout.passes is None
    assert cues.timing.late_s == 0.25
    planned = [(cue.name, cue.quarter, cue.pass_number) for cue in cues.planned(minuet())]
    assert planned == [("cue 2", 4, 1), ("cue 2", 13, 2), ("lights", 15, 2)]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("pass = 2", "pass = 3", r"line 7, cue lights: expected a pass from 1 to 2, got pass 3"),
        ("mark A", "mark Q", r"line 22, cue cue 2: expected one of the marks A, Con brio, got mark Q"),
    ],
)
def test_what_the_score_has_not_names_line_and_cue(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(tmp_path, SHOW.replace(old, new)).planned(minuet())


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[timing]", "[timing", "line 1: expected TOML, got"),
        ("late_s = 0.25", "late_s = 61", "line 1: expected late_s: a number from 0 to 60, got 61"),
        ("late_s", "later_s", "line 1: expected .*one of .*late_s.*got 'later_s'; did you mean late_s"),
        ("[actions]", "[action]", "line 4: expected one of .*got 'action'; did you mean actions"),
        ('at = "bar 2 beat 3"', 'at = "measure 2"', "line 9: expected `bar 12`.*, got 'measure 2'"),
        ("pass = 2", "pass = 0", 'line 10: expected pass = 1, 2, ... or "every", got 0'),
        ("lead_s = 0.5", 'lead_s = "1"', "line 11: expected a number from 0 to 600.0, got '1'"),
        ("make_up = true", "make_up = 1", "line 12: expected make_up = true or false, got 1"),
        ("make_up = true", "makeup = true", "line 12: expected one of .*did you mean make_up"),
        ("program = 5", "program = 200", "line 13: expected program: a number from 1 to 128, got 200"),
        ("program = 5", "progam = 5", "line 13: .*'progam'; did you mean program"),
        ("program = 5, ", "", "line 13: expected midi: one of program, controller, note and message"),
        ('address = "/cue/1/start"', 'address = "cue"', "line 13: expected address: a text as /cue/1, got 'cue'"),
        ('127.0.0.1:53000", address = "/cue/1', '127.0.0.1", address = "/cue/1', "line 13: .*HOST:PORT"),
        ('page = "bar 3"', "pages = 3", "line 13: expected one of osc, midi, .* in each action, got pages"),
        ('page = "bar 3"', 'page = "last"', "line 13: expected page: music, `bar 12`.*, got 'last'"),
        ("http://127.0.0.1:8123/api", "file:///etc/passwd", "line 13: expected http: a URL"),
        ("qos = 1", "qos = 3", "line 13: expected qos: one of 0, 1, 2, got 3"),
        ("stage/light", "stage/#", "line 13: expected topic: a topic without"),
        ('does = "blackout"', 'does = "blakout"', "line 24: .*got 'blakout'; did you mean blackout"),
        ('does = "blackout"', "does = []", "line 24: expected something to do, got nothing"),
        ('does = "blackout"', "", "line 22: expected `does` in every cue, got none"),
        ('at = "mark A"', 'at = "mark A"\nname = "lights"', "line 22: expected a name that no other.* as in line 7"),
        ('name = "lights"', 'name = ""', "line 8: expected a name of 1 to 80 letters, got ''"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in SHOW
    with pytest.raises(ConfigError, match=message) as caught:
        read(tmp_path, SHOW.replace(old, new))
    assert "\n" not in str(caught.value) and "show.toml" in str(caught.value)


@pytest.mark.parametrize("text", ["", "cue = 3", "cue = []", "cue = [1]", "\ufeff", "[[cue]]\n", "a" * 1_000_001])
def test_what_is_no_list(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"show.toml"):
        read(tmp_path, text)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a cue list, got No such file"):
        read_cues(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("values", "messages"),
    [
        ({"program": 1}, [(0.0, b"\xc2\x00")]),
        ({"controller": 7, "value": 100}, [(0.0, b"\xb2\x07\x64")]),
        ({"note": 60, "velocity": 1, "length_s": 0.2}, [(0.0, b"\x92\x3c\x01"), (0.2, b"\x82\x3c\x40")]),
        ({"message": (0xF0, 0x7F, 0x01, 0xF7)}, [(0.0, b"\xf0\x7f\x01\xf7")]),
    ],
)
def test_midi_messages(values: dict[str, object], messages: list[tuple[float, bytes]]) -> None:
    assert list(MidiAction(midi="Desk", channel=3, **values).messages) == messages  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "message", [(), (60, 1), (0x90, 60), (0x90, 60, 200), (0xF0, 1), (0xF7,), (256,), (0xC0, 1, 2)]
)
def test_bytes_that_are_no_message(message: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="message"):
        MidiAction(midi="Desk", message=message)


def test_a_score_without_marks_says_so(tmp_path: Path) -> None:
    bare = make_score("bare", [(0, 1, 60, 64)])
    with pytest.raises(ConfigError, match="expected a score with rehearsal marks, got mark A"):
        read(tmp_path, SHOW.replace('at = "bar 2 beat 3"\npass = 2', "at = 0")).planned(bare)
