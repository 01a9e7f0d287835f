"""OSC outward: what liblo reads is what the events say, singles come seldom, and nobody listening harms nothing."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pythonosc.osc_message import OscMessage

from engine.core.errors import ConfigError
from engine.core.events import Cue, Event, Onset, Position, Sound, State
from engine.score.score import Score, make_score
from engine.stage.osc.packing import OscLayout, osc_message
from engine.stage.osc.presets import osc_writer
from engine.stage.osc.sender import OscSender
from engine.stage.osc.singles import EVERY_S, OscSingles
from engine.stage.osc.target import OSC_PRESETS, OscTarget
from tests.engine.stage.osc.dump import osc_dump
from tests.stage_tools import free_udp_port
from tests.strategies import floats

SCORE = make_score("s", [(q, 1.0, 60 + q, 80) for q in range(8)], bars=[(0.0, 1), (4.0, 2)])
TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=9)


def position(quarter: float, **changed: float) -> Position:
    values = {"score_s": quarter / 2, "tempo_bpm": 120.0, "confidence": 0.5, **changed}
    return Position(at=0, emitted_at=0, quarter=quarter, bar=SCORE.bar(quarter), **values)


@given(st.lists(st.integers(-(2**31), 2**31 - 1) | floats(-1e6, 1e6, width=32) | TEXT, max_size=5))
def test_another_library_reads_what_is_packed(arguments: list[int | float | str]) -> None:
    message = OscMessage(osc_message("/a/b", *arguments))
    assert message.address == "/a/b"
    assert message.params == arguments


def test_a_layout_packs_as_any_message() -> None:
    assert OscLayout("/x", "fif").pack(1.5, 2, 3.5) == osc_message("/x", 1.5, 2, 3.5)


def test_liblo_reads_every_event() -> None:
    with osc_dump() as dump:
        sender = OscSender([OscTarget.read(f"127.0.0.1:{dump.port}")], SCORE)
        sender.take(State(at=0, emitted_at=0, name="following", why=""), None)
        sender.take(position(5.5), None)
        sender.take(Onset(at=0, emitted_at=0, quarter=6.0, due_s=9.0, sd_s=0.1, heard=False), None)
        sender.take(Onset(at=0, emitted_at=0, quarter=6.0, due_s=8.5, sd_s=0.0, heard=True), None)
        sender.take(Cue(at=0, emitted_at=0, name="storm", quarter=5.0, fired=True), None)
        sender.take(Cue(at=0, emitted_at=0, name="calm", quarter=6.0, fired=False), None)
        sender.take(Sound(at=0, emitted_at=0, label="dog bark", active=True, probability=0.75), None)
        lines = dump.until("/collaparte/sound")
        sender.close()
    assert lines == [
        '/collaparte/state s "following"',
        "/collaparte/position fifff 5.500000 2 2.750000 120.000000 0.500000",
        "/collaparte/bar i 2",
        "/collaparte/beat i 2",
        "/collaparte/tempo f 120.000000",
        "/collaparte/confidence f 0.500000",
        "/collaparte/onset ff 6.000000 8.500000",
        '/collaparte/cue s "storm"',
        '/collaparte/sound sif "dog bark" 1 0.750000',
    ]


@given(st.lists(st.tuples(floats(0, 0.05), st.integers(0, 3)), min_size=1, max_size=60))
def test_singles_are_sent_on_change_and_at_most_thirty_a_second(steps: list[tuple[float, int]]) -> None:
    sent: list[tuple[float, int]] = []
    now = 0.0
    singles = OscSingles(lambda data: sent.append((now, OscMessage(data).params[0])))
    for gap, value in steps:
        now += gap
        singles.flush(now)
        singles.put(now, "/v", value)
    now += 2 * EVERY_S
    singles.flush(now)
    assert sent[-1][1] == steps[-1][1]  # the last value always arrives
    assert all(b[1] != a[1] for a, b in pairwise(sent))
    assert all(b[0] - a[0] >= EVERY_S for a, b in pairwise(sent))


def written(preset: str, score: Score | None, *events: Event) -> list[tuple[str, list[object]]]:
    sent: list[bytes] = []
    writer = osc_writer(preset, sent.append, score)
    for k, event in enumerate(events):
        writer.take(event, float(k))
    return [(message.address, list(message.params)) for message in map(OscMessage, sent)]


def test_qlab_is_told_to_start_the_cue_of_each_bar_once_a_pass() -> None:
    following = State(at=0, emitted_at=0, name="following", why="")
    events = [
        position(0.0),
        following,
        position(-0.015),
        position(0.1),
        position(3.9),
        position(4.0),
        position(4.5),
        position(0.5),
    ]
    assert [address for address, _ in written("qlab", SCORE, *events)] == [
        "/cue/bar1/start",
        "/cue/bar2/start",
        "/cue/bar1/start",
    ]


def test_qlab_is_told_to_start_the_cue_of_a_cues_name() -> None:
    assert written("qlab", SCORE, Cue(at=0, emitted_at=0, name="act 2/a", quarter=5.0, fired=True)) == [
        ("/cue/act_2_a/start", [])
    ]


def test_widgets_get_one_number_from_0_to_1() -> None:
    for address, arguments in written("touchosc", SCORE, position(3.25, tempo_bpm=1000.0)):
        assert len(arguments) == 1
        assert isinstance(arguments[0], str) == address.endswith("label"), address
        assert isinstance(arguments[0], str) or 0 <= float(str(arguments[0])) <= 1


def test_antescofo_is_told_of_events_and_of_the_present_place() -> None:
    heard = Onset(at=0, emitted_at=0, quarter=2.0, due_s=1.0, sd_s=0.0, heard=True)
    assert written("antescofo", SCORE, position(2.0), heard) == [
        ("/antescofo/rnow", [2.0]),
        ("/antescofo/tempo", [120.0]),
        ("/antescofo/event_beatpos", [2.0]),
        ("/antescofo/pitch", [62.0]),
    ]


@pytest.mark.parametrize("preset", OSC_PRESETS)
def test_every_preset_takes_positions_without_a_score(preset: str) -> None:
    written(preset, None, State(at=0, emitted_at=0, name="following", why=""), position(1.0))


def test_nobody_listening_harms_nothing() -> None:
    sender = OscSender([OscTarget.read(f"127.0.0.1:{free_udp_port()}")], None)
    for quarter in np.linspace(0, 7, 200):
        sender.take(position(float(quarter)), None)
    sender.close()
    sender.take(position(1.0), None)  # after its end nothing is raised either
    assert sender.n_failed


@pytest.mark.parametrize(
    "text",
    ["", "9000", ":9000", "host:", "127.0.0.1:0", "127.0.0.1:65536", "qlab:", "::1:9000", "no.such.host.invalid:9"],
)
def test_what_is_no_target_is_refused_at_once(text: str) -> None:
    with pytest.raises(ConfigError):
        OscTarget.read(text)


@pytest.mark.parametrize(
    ("text", "preset", "port"),
    [
        ("127.0.0.1:9000", "collaparte", 9000),
        ("qlab:127.0.0.1", "qlab", 53000),
        ("qlab:127.0.0.1:53001", "qlab", 53001),
        ("touchosc:[::1]:9000", "touchosc", 9000),
    ],
)
def test_targets_are_read(text: str, preset: str, port: int) -> None:
    target = OscTarget.read(text)
    assert (target.preset, target.address[1]) == (preset, port)
