"""Knobs to gains: which controller is which target, how loud, and what is none of ours."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from engine.core.errors import DeviceError
from engine.midi.gains import VIRTUAL, GainKnobs, gain_of, knob
from engine.midi.port import MidiConfig
from engine.midi.process import MidiProcess
from tests.jack_server import JackServer

TARGETS = ("vocals", "drums", "other")


def test_the_scale_of_a_fader() -> None:
    assert gain_of(0) == 0
    assert gain_of(100) == 1
    assert gain_of(50) == pytest.approx(10 ** (-12 / 20), rel=0.01)
    assert gain_of(127) == pytest.approx(10 ** (4.15 / 20), rel=0.01)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (bytes((0xB0, 20, 100)), (0, 1.0)),
        (bytes((0xBF, 22, 0)), (2, 0.0)),  # any channel
        (bytes((0xB0, 19, 100)), None),
        (bytes((0x90, 20, 100)), None),
        (bytes((0xF8,)), None),
        (b"", None),
    ],
)
def test_only_our_controllers_count(message: bytes, expected: tuple[int, float] | None) -> None:
    assert knob(message) == expected


def test_gains_wait_for_the_targets() -> None:
    given: list[tuple[str, float]] = []
    names: tuple[str, ...] = ()
    knobs = GainKnobs(VIRTUAL, lambda: names, lambda name, gain: given.append((name, gain)))
    knobs.apply([bytes((0xB0, 21, 50)), bytes((0xB0, 21, 0)), bytes((0xB0, 90, 1))])
    assert given == []
    names = TARGETS
    knobs.apply([bytes((0xB0, 20, 100))])
    assert given == [("drums", 0.0), ("vocals", 1.0)]
    assert list(knobs.news) == ["drums off", "vocals +0.0 dB"]


@pytest.fixture
def server() -> Iterator[JackServer]:
    if missing := JackServer.missing():
        pytest.skip(missing)
    with JackServer(period=256) as running:
        yield running


@pytest.mark.jack
def test_a_controller_through_jack(server: JackServer) -> None:
    given: dict[str, float] = {}
    with (
        MidiProcess(MidiConfig(name="controller", backend="jack", listen=False)) as controller,
        GainKnobs("controller", lambda: TARGETS, given.__setitem__),
    ):
        limit_s = time.monotonic() + 60
        while len(given) < len(TARGETS) and time.monotonic() < limit_s:  # a loaded server may lose a cycle
            for k, value in enumerate((0, 100, 50)):
                controller.send(controller.now(), bytes((0xB0, 20 + k, value)))
            time.sleep(0.1)
    assert given == {"vocals": 0.0, "drums": 1.0, "other": 0.25}


@pytest.mark.jack
def test_no_such_controller_is_one_line(server: JackServer) -> None:
    with pytest.raises(DeviceError, match="port named like 'nobody'"), GainKnobs("nobody", tuple, lambda *gain: None):
        pass
