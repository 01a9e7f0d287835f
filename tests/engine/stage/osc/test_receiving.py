"""OSC inward: what liblo sends is done, what is refused is said, and no datagram or date stops anything."""

from __future__ import annotations

import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.errors import ConfigError, DeviceError
from engine.stage.controls.stage_controls import StageControls
from engine.stage.osc.commands import OSC_COMMANDS, obey_osc
from engine.stage.osc.packing import osc_message
from engine.stage.osc.receiver import FARTHEST_S, MOST, OscReceiver
from tests.stage_tools import needs_tool
from tests.strategies import floats

PATIENCE_S = 60.0
NTP = 2_208_988_800  # seconds from 1900 to 1970


class Heard(StageControls):
    """Notes what is ordered; refuses a target called `nobody`."""

    def __init__(self) -> None:
        super().__init__(["follow", "accompany", "separate", "detect"])
        self.orders: list[tuple[Any, ...]] = []
        self.said: list[str] = []
        self._news = threading.Condition()

    def _heard(self, name: str, *values: Any) -> None:
        if "nobody" in values:
            raise ConfigError("gain", expected="one of vocals", got="'nobody'")
        with self._news:
            self.orders.append((name, *values))
            self._news.notify()

    def say(self, text: str) -> None:
        with self._news:
            self.said.append(text)
            self._news.notify()

    def until(self, *order: Any) -> None:
        with self._news:
            assert self._news.wait_for(lambda: order in self.orders, PATIENCE_S), self.orders

    def until_said(self, text: str) -> None:
        with self._news:
            assert self._news.wait_for(lambda: any(text in each for each in self.said), PATIENCE_S), self.said


@contextmanager
def receiver() -> Iterator[tuple[Heard, OscReceiver, socket.socket]]:
    heard = Heard()
    listening = OscReceiver("0", heard, heard.say)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.connect(("127.0.0.1", listening.port))
        try:
            yield heard, listening, out
        finally:
            listening.close()


def _heard_as(name: str) -> Any:
    return lambda self, *values: self._heard(name, *values)


ORDERS = ("start", "stop", "count_in", "go_to", "go_to_bar", "set_gain", "mute", "loop", "tempo_ratio", "dynamics")
for each in (*ORDERS, "threshold", "choose"):
    setattr(Heard, each, _heard_as(each))


def bundle(at_s: float, *messages: bytes) -> bytes:
    """OSC 1.0: a bundle dated at_s, seconds since 1970."""
    whole = int(at_s)
    head = b"#bundle\0" + struct.pack(">II", whole + NTP, int((at_s - whole) * 2**32))
    return head + b"".join(struct.pack(">i", len(each)) + each for each in messages)


def test_liblo_orders_everything() -> None:
    tool = needs_tool("oscsend", "liblo-tools")
    with receiver() as (heard, listening, _):

        def send(*arguments: str) -> None:
            subprocess.run([tool, f"osc.udp://127.0.0.1:{listening.port}", *arguments], check=True)

        send("/collaparte/from", "f", "12.5")
        send("/collaparte/bar", "i", "7")
        send("/collaparte/gain/vocals", "f", "-6")
        send("/collaparte/start", "f", "1")
        send("/collaparte/mute/drums", "T")
        send("/collaparte/stop")
        heard.until("stop")
    assert heard.orders == [
        ("go_to", 12.5),
        ("go_to_bar", 7),
        ("set_gain", "vocals", -6.0),
        ("start",),
        ("mute", "drums", True),
        ("stop",),
    ]
    assert heard.said == []


def test_a_bundle_dated_later_waits_alone() -> None:
    with receiver() as (heard, _, out):
        now_s = time.time()
        out.send(bundle(now_s + 3600, osc_message("/collaparte/bar", 1)))
        out.send(bundle(now_s + 0.3, osc_message("/collaparte/bar", 3)))
        out.send(osc_message("/collaparte/bar", 2))
        out.send(bundle(now_s - 5, osc_message("/collaparte/bar", 4)))
        heard.until("go_to_bar", 3)
        assert heard.orders == [("go_to_bar", bar) for bar in (2, 4, 3)]
        heard.until_said(f"at most {FARTHEST_S:.0f} s ahead")


def test_no_more_than_so_many_bundles_wait() -> None:
    with receiver() as (heard, listening, out):
        orders = [osc_message("/collaparte/bar", bar) for bar in range(50)]
        for _ in range(MOST // len(orders) + 1):
            out.send(bundle(time.time() + 30, *orders))
        heard.until_said(f"{MOST} waiting")
        assert len(listening._waiting) == MOST


@settings(max_examples=10)
@given(
    datagrams=st.lists(
        st.binary(max_size=200) | st.binary(max_size=60).map(lambda data: b"#bundle\0" + data), max_size=30
    )
)
def test_no_datagram_stops_it(datagrams: list[bytes]) -> None:
    with receiver() as (heard, _, out):
        for data in datagrams:
            out.send(data)
        out.send(osc_message("/collaparte/stop"))
        heard.until("stop")


def test_neither_a_bundle_in_a_thousand_bundles_nor_a_giant_stops_it() -> None:
    with receiver() as (heard, _, out):
        nested = osc_message("/collaparte/start")
        while len(nested) < 4000:
            nested = bundle(0, nested)
        out.send(nested)
        heard.until("start")
        out.send(bytes(60_000))
        heard.until_said("at most 4096 bytes")


@pytest.mark.parametrize(
    ("address", "arguments", "line"),
    [
        ("/collaparte/gain/nobody", [0.0], "one of vocals"),
        ("/collaparte/gain", [0.0], "a name and 1 number"),
        ("/collaparte/from", [], "1 number"),
        ("/collaparte/from", ["three"], "1 number"),
        ("/collaparte/from", [float("nan")], "finite"),
        ("/collaparte/bar", [float("inf")], "finite"),
        ("/collaparte/fader/vocals", [1.5], "from 0 to 1"),
        ("/collaparte/nothing", [], "one of /collaparte/start"),
        ("/other/start", [], "one of"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(address: str, arguments: list[Any], line: str) -> None:
    with pytest.raises(ConfigError, match=line.replace("/", ".")):
        obey_osc(Heard(), address, arguments)


def test_buttons_act_when_they_are_pressed() -> None:
    heard = Heard()
    for value in (1.0, 0.0, 1.0):
        obey_osc(heard, "/collaparte/start", [value])
    assert heard.orders == [("start",), ("start",)]


def test_a_name_stands_in_the_address_or_comes_first() -> None:
    heard = Heard()
    obey_osc(heard, "/collaparte/threshold/dog bark", [0.5])
    obey_osc(heard, "/collaparte/threshold", ["dog bark", 0.5])
    assert heard.orders == [("threshold", "dog bark", 0.5)] * 2


@settings(max_examples=20)
@given(values=st.lists(floats() | st.text(max_size=5) | st.integers() | st.booleans(), max_size=3))
@pytest.mark.parametrize("word", OSC_COMMANDS)
def test_arguments_of_any_kind_are_done_or_refused(word: str, values: list[Any]) -> None:
    with suppress(ConfigError):
        obey_osc(Heard(), f"/collaparte/{word}/x", values)


@pytest.mark.parametrize("place", ["", "x", "70000", "no.such.host.invalid:9000", "-1"])
def test_a_place_that_is_none_is_refused(place: str) -> None:
    with pytest.raises(ConfigError):
        OscReceiver(place, Heard(), print)


def test_a_port_that_is_taken_is_refused() -> None:
    with receiver() as (_, listening, _), pytest.raises(DeviceError, match="free port"):
        OscReceiver(str(listening.port), Heard(), print)
