"""Do what cues ask for: each performer returns at once, and tells in one line what has failed."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Protocol
from urllib.parse import urlsplit

from engine.core.errors import ConfigError, DeviceError
from engine.midi.guarded import GuardedPort
from engine.midi.lasting import LastingPort
from engine.midi.port import MidiConfig
from engine.score.score import Score
from engine.stage.cues.actions import ControlAction, HttpAction, MidiAction, OscAction, PageAction, host_and_port
from engine.stage.cues.places import PlaceError, place_quarters
from engine.stage.osc.packing import osc_message
from engine.stage.outward.http_request import send_request
from engine.stage.outward.worker import Patience, Worker

__all__ = [
    "ControlPerformer",
    "CueControls",
    "HttpPerformer",
    "MidiPerformer",
    "OscPerformer",
    "PagePerformer",
    "Performer",
]

Say = Callable[[str], None]
HTTP_PATIENCE = Patience(room=100, tries=2, first_s=0.3, close_s=0.5)  # a cue that is much later is wrong
JSON_HEADERS = {"Content-Type": "application/json"}


class Performer(Protocol):
    """Performs one kind of action."""

    def perform(self, action: Any) -> None:
        """Do it now, or give it to a thread; EngineError or OSError if it cannot be done."""
        ...

    def close(self) -> None:
        """End what sounds; never raise."""
        ...


class OscPerformer:
    """Sends OSC messages by UDP; hosts are looked up at the beginning, ConfigError for one that is unknown."""

    def __init__(self, actions: Iterable[OscAction]) -> None:
        self._places = {action.osc: _looked_up(action.osc) for action in actions}
        self._sockets = {family: socket.socket(family, socket.SOCK_DGRAM) for family, _ in self._places.values()}

    def perform(self, action: OscAction) -> None:
        """Send the message."""
        family, place = self._places[action.osc]
        arguments = [int(each) if isinstance(each, bool) else each for each in action.args]
        self._sockets[family].sendto(osc_message(action.address, *arguments), place)

    def close(self) -> None:
        """Close the sockets."""
        for each in self._sockets.values():
            each.close()


def _looked_up(text: str) -> tuple[socket.AddressFamily, Any]:
    host, port = host_and_port(text)
    try:
        family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    except OSError as error:
        raise ConfigError("cue", expected="a host that is known", got=f"{text}: {error.strerror}") from error
    return family, place


class MidiPerformer:
    """Sends MIDI messages through ports of our own, one for each name; a port that has gone is opened again."""

    def __init__(self, actions: Iterable[MidiAction], say: Say) -> None:
        names = dict.fromkeys(action.midi for action in actions)
        self._ports = {name: LastingPort(partial(_opened, name), say) for name in names}

    def perform(self, action: MidiAction) -> None:
        """Send the messages; DeviceError while the port is away."""
        lasting = self._ports[action.midi]
        lasting.look()
        if (port := lasting.port) is None:
            raise DeviceError(action.midi, expected="a MIDI port", got="none now; it is waited for")
        for after_s, message in action.messages:
            port.send(port.now() + round(after_s * port.sample_rate), message)

    def close(self) -> None:
        """End the notes, and close."""
        for port in self._ports.values():
            port.close()


def _opened(name: str) -> GuardedPort:
    return GuardedPort(MidiConfig(name=name, listen=False))


class HttpPerformer:
    """Sends HTTP requests, one thread for each server, so that a slow one holds nobody up."""

    def __init__(self, actions: Iterable[HttpAction], say: Say, patience: Patience = HTTP_PATIENCE) -> None:
        servers = dict.fromkeys(urlsplit(action.http).netloc for action in actions)
        self._workers = {server: Worker("http", patience, say) for server in servers}

    def perform(self, action: HttpAction) -> None:
        """Have the request sent."""
        data, headers = action.data(), dict(action.headers)
        if action.json is not None:
            headers = JSON_HEADERS | headers
        worker = self._workers[urlsplit(action.http).netloc]
        worker.put(f"cue, {action.http}", lambda: send_request(action.http, action.method, data, headers))

    def close(self) -> None:
        """Give what waits a little time."""
        for worker in self._workers.values():
            worker.close()


class PagePerformer:
    """Shows places of the score on the screens; ConfigError for a place that the score has not.

    turn: is given a quarter, None for where the music is
    """

    def __init__(self, actions: Iterable[PageAction], score: Score, turn: Callable[[float | None], None]) -> None:
        self._quarters = {action.page: _quarter_of(action, score) for action in actions}
        self._turn = turn

    def perform(self, action: PageAction) -> None:
        """Turn."""
        self._turn(self._quarters[action.page])

    def close(self) -> None:
        """Nothing is open."""


def _quarter_of(action: PageAction, score: Score) -> float | None:
    try:
        return None if action.place is None else place_quarters(action.place, score)[0]
    except PlaceError as error:
        raise ConfigError(f"page = {action.page}", expected=error.expected, got=error.got) from error


class CueControls(Protocol):
    """What a cue may do with the session: see `engine.stage.controls.StageControls`."""

    def start(self) -> None: ...  # noqa: D102
    def stop(self) -> None: ...  # noqa: D102
    def go_to(self, quarter: float) -> None: ...  # noqa: D102
    def go_to_bar(self, number: int) -> None: ...  # noqa: D102
    def set_gain(self, target: str, db: float) -> None: ...  # noqa: D102
    def mute(self, target: str, on: bool) -> None: ...  # noqa: D102
    def tempo_ratio(self, ratio: float) -> None: ...  # noqa: D102
    def dynamics(self, amount: float) -> None: ...  # noqa: D102
    def threshold(self, label: str, probability: float) -> None: ...  # noqa: D102


class ControlPerformer:
    """Controls the session."""

    def __init__(self, controls: CueControls) -> None:
        self._controls = controls

    def perform(self, action: ControlAction) -> None:
        """Do it; EngineError if this session cannot."""
        controls, target, value = self._controls, action.target, action.value
        does: dict[str, Callable[[], None]] = {
            "start": controls.start,
            "stop": controls.stop,
            "go_to": lambda: controls.go_to(float(value)),
            "go_to_bar": lambda: controls.go_to_bar(int(value)),
            "gain": lambda: controls.set_gain(target, float(value)),
            "mute": lambda: controls.mute(target, bool(value)),
            "ratio": lambda: controls.tempo_ratio(float(value)),
            "dynamics": lambda: controls.dynamics(float(value)),
            "threshold": lambda: controls.threshold(target, float(value)),
        }
        does[action.control]()

    def close(self) -> None:
        """Nothing is open."""
