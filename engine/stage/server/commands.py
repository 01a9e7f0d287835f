"""Messages of clients: what each may hold, and what it asks of the controls."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from engine.core.config import nearest
from engine.core.errors import ConfigError
from engine.stage.controls.stage_controls import StageControls
from engine.stage.server.access import StageRole

__all__ = ["MAX_MESSAGE_BYTES", "VIEWING", "obey", "read_message"]

MAX_MESSAGE_BYTES = 4096
MAX_TEXT = 200
VIEWING = ("own", "ping")  # all that a viewer may send


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 31


def _text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MAX_TEXT


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _bars(value: Any) -> bool:
    return value is None or (isinstance(value, list) and len(value) == 2 and all(map(_whole, value)))


Fields = Mapping[str, Callable[[Any], bool]]
MESSAGES: Mapping[str, Fields] = {
    "start": {},
    "stop": {},
    "from": {"q": _number},
    "bar": {"number": _whole},
    "gain": {"target": _text, "db": _number},
    "mute": {"target": _text, "on": _flag},
    "loop": {"bars": _bars},
    "ratio": {"x": _number},
    "dynamics": {"x": _number},
    "countin": {},
    "threshold": {"label": _text, "p": _number},
    "quiet": {"label": _text, "s": _number},
    "through": {"on": _flag},
    "listen": {"on": _flag},
    "parameter": {"name": _text, "value": _number},
    "choose": {"id": _text},
    "refuse": {"id": _text},
    "turn": {"page": _whole, "q": _number},
    "own": {"on": _flag},
    "ping": {},
}


def read_message(text: str, role: StageRole) -> dict[str, Any]:
    """Return a message with exactly the fields it must have; ConfigError for any other, and for what a viewer may not.

    A client's text is never repeated in full.
    """
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        message = None
    kind = message.get("t") if isinstance(message, dict) else None
    if not isinstance(kind, str) or kind not in MESSAGES:
        remedy = nearest(kind, list(MESSAGES)) if isinstance(kind, str) else ""
        raise ConfigError("message", expected="one of " + ", ".join(MESSAGES), got=repr(kind)[:40], remedy=remedy)
    if role is not StageRole.CONTROLLER and kind not in VIEWING:
        raise ConfigError(kind, expected="one who controls", got="a viewer")
    fields, given = MESSAGES[kind], {name: value for name, value in message.items() if name != "t"}
    if given.keys() != fields.keys():
        expected = " and ".join(fields) or "nothing more"
        raise ConfigError(kind, expected=expected, got=", ".join(map(str, given))[:80] or "nothing")
    for name, valid in fields.items():
        if not valid(given[name]):
            raise ConfigError(f"{kind}.{name}", expected="another value", got=repr(given[name])[:80])
    return dict(message)


Does = Callable[[StageControls, Mapping[str, Any]], None]
ORDERS: Mapping[str, Does] = {
    "from": lambda controls, said: controls.go_to(said["q"]),
    "bar": lambda controls, said: controls.go_to_bar(said["number"]),
    "gain": lambda controls, said: controls.set_gain(said["target"], said["db"]),
    "mute": lambda controls, said: controls.mute(said["target"], said["on"]),
    "through": lambda controls, said: controls.pass_through(said["on"]),
    "loop": lambda controls, said: controls.loop(*(said["bars"] or (None, None))),
    "threshold": lambda controls, said: controls.threshold(said["label"], said["p"]),
    "quiet": lambda controls, said: controls.quiet(said["label"], said["s"]),
    "listen": lambda controls, said: controls.listen_for_sounds(said["on"]),
    "parameter": lambda controls, said: controls.parameter(said["name"], said["value"]),
    "choose": lambda controls, said: controls.choose(said["id"]),
    "refuse": lambda controls, said: controls.refuse(said["id"]),
    "ratio": lambda controls, said: controls.tempo_ratio(said["x"]),
    "dynamics": lambda controls, said: controls.dynamics(said["x"]),
    "start": lambda controls, said: controls.start(),
    "stop": lambda controls, said: controls.stop(),
    "countin": lambda controls, said: controls.count_in(),
}


def obey(controls: StageControls, message: Mapping[str, Any]) -> None:
    """Do what a message asks of the session; EngineError if it cannot be done."""
    ORDERS[message["t"]](controls, message)
