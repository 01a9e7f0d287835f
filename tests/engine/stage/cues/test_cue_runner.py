"""Cues act at their instant, whatever a slow or missing receiver does; failures are told in one line."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from engine.core.errors import ConfigError
from engine.core.events import Cue
from engine.core.shared_memory import Counter
from engine.realtime.device_clock import DeviceClock
from engine.realtime.messages import Latency
from engine.stage.cues.actions import Action, ControlAction, HttpAction, MidiAction, OscAction, PageAction, SoundAction
from engine.stage.cues.cue_list import CueEntry
from engine.stage.cues.cue_runner import CueRunner
from engine.stage.cues.performers import (
    ControlPerformer,
    HttpPerformer,
    MidiPerformer,
    OscPerformer,
    PagePerformer,
    Performer,
)
from engine.stage.cues.places import parse_place
from engine.stage.outward.worker import Patience
from tests.engine.midi.probe import MidiProbe
from tests.engine.stage.cues.test_places import minuet
from tests.engine.stage.osc.dump import osc_dump
from tests.engine.stage.outward.servers import until, web_server
from tests.jack_server import JackServer
from tests.stage_tools import free_udp_port

RATE = 48_000
SPAN_S = 0.3


def entry(name: str, *does: Action) -> CueEntry:
    return CueEntry(name=name, at=parse_place(0), does=does)


def fired(name: str, at_s: float = 0.0, **more: Any) -> Cue:
    at = round(at_s * RATE)
    return Cue(at=at, emitted_at=at, name=name, quarter=0.0, **more)


class Notes:
    """A performer that notes when it was called."""

    def __init__(self) -> None:
        self.calls: list[tuple[float, Action]] = []
        self.closed = False

    def perform(self, action: Action) -> None:
        self.calls.append((time.monotonic(), action))

    def close(self) -> None:
        self.closed = True


def clock_at(consumed: int) -> DeviceClock:
    memory: Any = {Counter.CONSUMED: consumed, Counter.SAMPLES: consumed, Counter.ARMED_AT: 0, Counter.ORIGIN: 0}
    latency = Latency(sample_rate=RATE, device=0, rings=0, resampling=0, pipeline=0)
    return DeviceClock(memory=memory, base=0, sample_rate=RATE, latency=latency)


def test_cues_act_at_their_instant_and_in_order() -> None:
    notes, said = Notes(), list[str]()
    pages = [PageAction(page=f"bar {n}") for n in (1, 2, 3)]
    runner = CueRunner([entry(str(n), page) for n, page in enumerate(pages)], {PageAction: notes}, said.append)
    clock, begun_s = clock_at(RATE), time.monotonic()
    for name, after_s in (("2", SPAN_S), ("1", SPAN_S / 2), ("0", 0.0)):
        runner.take(fired(name, 1.0 + after_s), clock)
    until(lambda: len(notes.calls) == 3, "all act")
    runner.close()
    assert [action for _, action in notes.calls] == pages and notes.closed and said == []
    assert all(at_s - begun_s >= n * SPAN_S / 2 for n, (at_s, _) in enumerate(notes.calls)), "none before its time"


def test_what_is_passed_over_is_told_and_what_is_not_due_at_the_end_is_left() -> None:
    notes, said = Notes(), list[str]()
    runner = CueRunner([entry("a", PageAction(page="bar 1"))], {PageAction: notes}, said.append)
    runner.take(fired("a", fired=False, why="the place has jumped"), None)
    runner.take(fired("a", 3600.0), clock_at(RATE))
    runner.close()
    assert said == ["cue a: passed over: the place has jumped"] and notes.calls == []


def test_a_failure_is_one_line_and_the_next_action_follows() -> None:
    class Broken(Notes):
        def perform(self, action: Action) -> None:
            super().perform(action)
            raise (OSError("no\nroute"), ConfigError("x", expected="1", got="2"), KeyError("k"))[len(self.calls) - 1]

    broken, notes, said = Broken(), Notes(), list[str]()
    osc = OscAction(osc="127.0.0.1:9", address="/a")
    performers: dict[type[Action], Performer] = {OscAction: broken, PageAction: notes}
    runner = CueRunner([entry("a", osc, osc, osc, PageAction(page="bar 1"))], performers, said.append)
    runner.take(fired("a", made_up=True, why="late"), None)
    until(lambda: len(notes.calls) == 1, "the last action")
    runner.close()
    assert said == ["cue a: made up: late", "cue a: no route", "cue a: x: expected 1, got 2", "cue a: KeyError: 'k'"]


def test_liblo_hears_osc_and_a_sound_is_left_to_the_engine() -> None:
    with osc_dump() as dump:
        does = [
            SoundAction(sound=None),  # type: ignore[arg-type]
            OscAction(osc=f"127.0.0.1:{dump.port}", address="/cue/1/start", args=(1, 0.5, "go", True)),
        ]
        said: list[str] = []
        runner = CueRunner([entry("a", *does)], {OscAction: OscPerformer([does[1]])}, said.append)  # type: ignore[list-item]
        runner.take(fired("a"), None)
        assert dump.until("/cue/1") == ['/cue/1/start ifsi 1 0.500000 "go" 1']
        runner.close()
    assert said == []


def test_osc_to_nobody_harms_nothing_and_an_unknown_host_is_told_at_the_beginning() -> None:
    action = OscAction(osc=f"127.0.0.1:{free_udp_port()}", address="/a")
    performer = OscPerformer([action])
    for _ in range(3):
        performer.perform(action)
    performer.close()
    with pytest.raises(ConfigError, match=r"expected a host that is known, got nowhere\.invalid:9"):
        OscPerformer([OscAction(osc="nowhere.invalid:9", address="/a")])


def test_http_requests_arrive_and_one_server_that_stands_still_stops_no_other() -> None:
    said: list[str] = []
    patience = Patience(tries=1, close_s=0.0)
    with web_server() as slow, web_server(404) as quick:
        slow.gate.clear()
        stuck = HttpAction(http=slow.url)
        posts = [
            HttpAction(http=quick.url + "/a", json={"scene": "sea"}, headers={"Authorization": "Bearer 1"}),
            HttpAction(http=quick.url + "/b", method="PUT", body="on"),
        ]
        performer = HttpPerformer([stuck, *posts], said.append, patience)
        for action in (stuck, *posts):
            performer.perform(action)
        until(lambda: len(quick.asked) == 2, "both")
        performer.close()
    (first, second) = quick.asked
    assert first[:2] == ("POST", "/a") and first[3] == {"scene": "sea"} and first[2]["authorization"] == "Bearer 1"
    assert second[:2] == ("PUT", "/b") and second[3] == "on"
    assert f"cue, {quick.url}/a: the server answers 404 Not Found; given up" in said


def test_controls_are_called_by_name() -> None:
    called: list[tuple[Any, ...]] = []

    class Controls:
        def __getattr__(self, name: str) -> Any:
            return lambda *values: called.append((name, *values))

    performer = ControlPerformer(Controls())
    for action in (
        ControlAction(control="stop"),
        ControlAction(control="go_to_bar", value=12),
        ControlAction(control="mute", target="vocals", value=True),
        ControlAction(control="gain", target="vocals", value=-6),
        ControlAction(control="threshold", target="dog", value=0.25),
    ):
        performer.perform(action)
    turned: list[float | None] = []
    pages = [PageAction(page="bar 2"), PageAction(page="music")]
    shown = PagePerformer(pages, minuet(), turned.append)
    for page in pages:
        shown.perform(page)
    assert called == [
        ("stop",),
        ("go_to_bar", 12),
        ("mute", "vocals", True),
        ("set_gain", "vocals", -6.0),
        ("threshold", "dog", 0.25),
    ]
    assert turned == [4.0, None]
    with pytest.raises(ConfigError, match="page = bar 99: expected a bar from 0 to 4"):
        PagePerformer([PageAction(page="bar 99")], minuet(), turned.append)


@pytest.fixture
def midi(server: JackServer) -> Iterator[MidiPerformer]:
    said: list[str] = []
    performer = MidiPerformer([MidiAction(midi="Cues", program=1)], said.append)
    yield performer
    performer.close()
    assert said == []


@pytest.mark.jack
def test_midi_messages_leave_our_port_and_a_note_ends(midi: MidiPerformer) -> None:
    probe = MidiProbe("Cues:out")
    probe.connected()
    midi.perform(MidiAction(midi="Cues", program=5, channel=3))
    midi.perform(MidiAction(midi="Cues", note=60, length_s=0.1))
    probe.until(lambda heard: any(message[0] == 0x80 for _, message in heard))
    assert [bytes(message) for _, message in probe.heard()] == [b"\xc2\x04", b"\x90\x3c\x64", b"\x80\x3c\x40"]
