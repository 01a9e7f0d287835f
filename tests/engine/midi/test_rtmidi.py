"""Which inputs rtmidi sends to, on a MIDI system that the test makes up."""

from __future__ import annotations

from types import SimpleNamespace
from typing import ClassVar

import pytest

from engine.core.errors import DeviceError
from engine.midi import rtmidi
from engine.midi.notes import note_on
from engine.midi.port import MidiConfig
from engine.midi.rtmidi import RtMidiPort

THERE = ("Midi Through:Midi Through Port-0 14:0", "FLUID Synth (1234):Synth input port 128:0", "Keyboard 20:0")


class Output:
    """An output that keeps what it sends."""

    every: ClassVar[list[Output]] = []

    def __init__(self, name: str) -> None:
        self.opened: int | str | None = None
        self.sent: list[bytes] = []
        Output.every.append(self)

    def get_ports(self) -> list[str]:
        return list(THERE)

    def open_port(self, number: int) -> None:
        self.opened = number

    def open_virtual_port(self, name: str) -> None:
        self.opened = name

    def send_message(self, message: bytes) -> None:
        self.sent.append(bytes(message))

    def close_port(self) -> None:
        self.opened = None


@pytest.fixture(autouse=True)
def system(monkeypatch: pytest.MonkeyPatch) -> None:
    Output.every = []
    errors = {name: type(name, (Exception,), {}) for name in ("SystemError", "NoDevicesError", "InvalidPortError")}
    monkeypatch.setattr(rtmidi, "_library", lambda: SimpleNamespace(MidiOut=Output, **errors))


def test_everyone_that_is_no_through_port_gets_every_message() -> None:
    port = RtMidiPort(MidiConfig(backend="rtmidi", everyone=True, listen=False))
    assert port.listeners() == list(THERE[1:])
    assert [output.opened for output in Output.every] == [1, 2]
    port.outlet.scheduler.push(0, note_on(0, 60, 80))
    port.close()  # which ends the note
    kinds = [[message[0] & 0xF0 for message in output.sent] for output in Output.every]
    assert kinds[0] == kinds[1]


def test_one_that_is_named_or_a_virtual_port() -> None:
    named = RtMidiPort(MidiConfig(backend="rtmidi", to="Through", listen=False))
    virtual = RtMidiPort(MidiConfig(backend="rtmidi", listen=False))
    assert (named.listeners(), virtual.listeners()) == ([THERE[0]], [])
    assert [output.opened for output in Output.every] == [0, "out"]
    named.close()
    virtual.close()
    with pytest.raises(DeviceError, match="nobody"):
        RtMidiPort(MidiConfig(backend="rtmidi", to="nobody", listen=False))


def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Output, "get_ports", lambda self: [THERE[0]])
    port = RtMidiPort(MidiConfig(backend="rtmidi", everyone=True, listen=False))
    assert port.listeners() == []
    port.close()
