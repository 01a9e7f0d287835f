"""What a cue does: frozen settings, one class for each kind of action; here is no input or output."""

from __future__ import annotations

import json
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from engine.core.config import Settings, check, choice, plain, ranged
from engine.core.errors import ConfigError
from engine.stage.cues.places import CuePlace, PlaceError, parse_place

__all__ = [
    "ACTIONS",
    "Action",
    "ControlAction",
    "CueSound",
    "HttpAction",
    "MidiAction",
    "MqttAction",
    "OscAction",
    "PageAction",
    "SoundAction",
    "host_and_port",
    "payload_bytes",
]

METHODS = ("POST", "PUT", "GET", "PATCH", "DELETE")
CONTROLS = ("start", "stop", "go_to", "go_to_bar", "gain", "mute", "ratio", "dynamics", "threshold")
MQTT_PORT = 1883
MUSIC = "music"


def host_and_port(text: object, default: int | None = None) -> tuple[str, int]:
    """Read HOST:PORT, or HOST alone where there is a default port; ConfigError for anything else.

    >>> host_and_port("127.0.0.1:53000")
    ('127.0.0.1', 53000)
    >>> host_and_port("[::1]", 1883)
    ('::1', 1883)
    """
    wanted = "HOST:PORT" if default is None else "HOST or HOST:PORT"
    host, colon, port = text.rpartition(":") if isinstance(text, str) else ("", "", "")
    if isinstance(text, str) and default is not None and (not colon or text.endswith("]")):
        host, port = text, str(default)
    if not host or not port.isascii() or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ConfigError("address", expected=f"{wanted}, the port from 1 to 65535", got=repr(text))
    return host.removeprefix("[").removesuffix("]"), int(port)


def payload_bytes(value: Any) -> bytes:
    """Return a text as it is, any other value as JSON."""
    return value.encode() if isinstance(value, str) else json.dumps(value, allow_nan=False).encode()


def _require(name: str, right: bool, expected: str, got: object) -> None:
    if not right:
        raise ConfigError(name, expected=expected, got=repr(got))


def _require_text(config: Any, *names: str) -> None:
    for name in names:
        value = getattr(config, name)
        _require(name, isinstance(value, str) and bool(value), "a text", value)


def _require_flag(config: Any, *names: str) -> None:
    for name in names:
        _require(name, isinstance(getattr(config, name), bool), "true or false", getattr(config, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class OscAction(Settings):
    """Send an OSC message."""

    osc: str = plain(MISSING, "where to, HOST:PORT")
    address: str = plain(MISSING, "the message's address, such as /cue/12/start")
    args: tuple[Any, ...] = plain((), "its arguments: numbers, texts, true and false")

    def __post_init__(self) -> None:
        check(self)
        host_and_port(self.osc)
        _require_text(self, "address")
        _require("address", self.address.startswith("/") and self.address.isascii(), "a text as /cue/1", self.address)
        plain_args = isinstance(self.args, tuple) and all(isinstance(each, int | float | str) for each in self.args)
        _require("args", plain_args, "a list of numbers, texts, true and false", self.args)


@dataclass(frozen=True, slots=True, kw_only=True)
class MidiAction(Settings):
    """Send a MIDI message: a program, a controller, a note, or bytes."""

    midi: str = plain(MISSING, "name of our port, or part of the name of one that is there")
    channel: int = ranged(1, 1, 16, "channel")
    program: int | None = ranged(None, 1, 128, "program")
    controller: int | None = ranged(None, 0, 127, "controller, with its value")
    value: int | None = ranged(None, 0, 127, "value of the controller")
    note: int | None = ranged(None, 0, 127, "note")
    velocity: int = ranged(100, 1, 127, "velocity of the note")
    length_s: float = ranged(0.5, 0.01, 10, "length of the note", unit="s")
    message: tuple[int, ...] | None = ranged(None, 0, 255, "bytes of one message")

    def __post_init__(self) -> None:
        check(self)
        _require_text(self, "midi")
        told = [name for name in ("program", "controller", "note", "message") if getattr(self, name) is not None]
        _require("midi", len(told) == 1, "one of program, controller, note and message", ", ".join(told) or None)
        _require("value", (self.controller is None) == (self.value is None), "a value with a controller", self.value)
        if self.message is not None:
            right = isinstance(self.message, tuple) and _is_message(self.message)
            _require("message", right, "the bytes of one whole MIDI message", self.message)

    @property
    def messages(self) -> tuple[tuple[float, bytes], ...]:
        """Return (seconds after the cue, message), in order."""
        if self.message is not None:
            return ((0.0, bytes(self.message)),)
        channel = self.channel - 1
        if self.program is not None:
            return ((0.0, bytes((0xC0 | channel, self.program - 1))),)
        if self.controller is not None:
            return ((0.0, bytes((0xB0 | channel, self.controller, self.value or 0))),)
        pitch = self.note or 0
        ends = bytes((0x80 | channel, pitch, 64))
        return ((0.0, bytes((0x90 | channel, pitch, self.velocity))), (self.length_s, ends))


def _is_message(data: tuple[int, ...]) -> bool:
    """Return whether bytes are one whole MIDI message that may be sent at any time."""
    if not data or not all(isinstance(each, int) and 0 <= each < 256 for each in data) or data[0] < 0x80:
        return False
    if data[0] == 0xF0:
        return data[-1] == 0xF7 and all(each < 0x80 for each in data[1:-1])
    lengths = {0xC0: 2, 0xD0: 2} if data[0] < 0xF0 else {0xF1: 2, 0xF2: 3, 0xF3: 2}
    length = lengths.get(data[0] & 0xF0 if data[0] < 0xF0 else data[0], 3 if data[0] < 0xF0 else 1)
    return len(data) == length and data[0] not in (0xF4, 0xF5, 0xF7, 0xF9, 0xFD) and all(b < 0x80 for b in data[1:])


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAction(Settings):
    """Send an HTTP request."""

    http: str = plain(MISSING, "URL, beginning with http:// or https://")
    method: str = choice("POST", METHODS, "method")
    json: Any = plain(None, "body, as JSON")
    body: str | None = plain(None, "body, as it is")
    headers: dict[str, str] = plain(dict, "headers")

    def __post_init__(self) -> None:
        check(self)
        _require_text(self, "http")
        _require("http", self.http.startswith(("http://", "https://")), "a URL of http:// or https://", self.http)
        _require("http", all(32 < ord(each) < 127 for each in self.http), "a URL without spaces", self.http)
        _require("body", self.body is None or isinstance(self.body, str), "a text", self.body)
        _require("body", self.json is None or self.body is None, "json or body, not both", self.body)
        texts = [text for pair in self.headers.items() for text in pair] if isinstance(self.headers, dict) else [None]
        right = all(isinstance(text, str) and text.isprintable() for text in texts)
        _require("headers", right, "a table of texts", self.headers)
        self.data()

    def data(self) -> bytes | None:
        """Return the body; ConfigError for what JSON has not, such as dates."""
        if self.json is None:
            return None if self.body is None else self.body.encode()
        try:
            return json.dumps(self.json, allow_nan=False).encode()
        except (TypeError, ValueError) as error:
            raise ConfigError("json", expected="what JSON has", got=str(error)) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttAction(Settings):
    """Publish an MQTT message."""

    mqtt: str = plain(MISSING, "broker, HOST or HOST:PORT")
    topic: str = plain(MISSING, "topic")
    payload: Any = plain("", "payload: a text as it is, anything else as JSON")
    retain: bool = plain(False, "whether the broker keeps it")
    qos: int = choice(0, (0, 1, 2), "quality of service")

    def __post_init__(self) -> None:
        check(self)
        host_and_port(self.mqtt, MQTT_PORT)
        _require_text(self, "topic")
        _require("topic", not set(self.topic) & set("+#\0"), "a topic without + and #", self.topic)
        _require_flag(self, "retain")
        try:
            payload_bytes(self.payload)
        except (TypeError, ValueError) as error:
            raise ConfigError("payload", expected="what JSON has", got=str(error)) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class PageAction(Settings):
    """Show a place of the score on the screens, whose pages end where each has room."""

    page: str = plain(MISSING, "a place, such as bar 45 or mark B, or `music`: back to where it is")

    def __post_init__(self) -> None:
        _require("page", isinstance(self.page, str), f"{MUSIC}, or a place such as bar 45", self.page)
        _ = self.place

    @property
    def place(self) -> CuePlace | None:
        """Return the place, None for where the music is."""
        try:
            return None if self.page == MUSIC else parse_place(self.page)
        except PlaceError as error:
            raise ConfigError("page", expected=f"{MUSIC}, {error.expected}", got=error.got) from error


class CueSound(NamedTuple):
    """A sound file, and its gain in dB."""

    path: Path
    gain_db: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundAction(Settings):
    """Play a sound file with the session's output, as the target `cues`."""

    sound: Path = plain(MISSING, "audio file; relative to the folder of the cue list")
    gain_db: float = ranged(0.0, -60, 12, "loudness", unit="dB")


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlAction(Settings):
    """Control the session itself."""

    control: str = choice(MISSING, CONTROLS, "what to do")
    target: str = plain("", "target of a gain or mute, or label of a threshold")
    value: float | bool = plain(0.0, "quarter, bar, dB, ratio or probability; for mute, true or false")

    def __post_init__(self) -> None:
        check(self)
        targeted = self.control in ("gain", "mute", "threshold")
        _require(
            "target", isinstance(self.target, str) and bool(self.target) == targeted, _wants(targeted), self.target
        )
        mutes = self.control == "mute"
        right = isinstance(self.value, bool) if mutes else _is_number(self.value)
        _require("value", right, "true or false" if mutes else "a number", self.value)


def _wants(targeted: bool) -> str:
    return "a name" if targeted else "none with this control"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


Action = OscAction | MidiAction | HttpAction | MqttAction | PageAction | SoundAction | ControlAction
ACTIONS: dict[str, type[Action]] = {
    "osc": OscAction,
    "midi": MidiAction,
    "http": HttpAction,
    "mqtt": MqttAction,
    "page": PageAction,
    "sound": SoundAction,
    "control": ControlAction,
}
