"""Topics and payloads for MQTT and for Home Assistant's discovery: no input or output."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from engine.core.errors import ConfigError

__all__ = ["OFFLINE", "ONLINE", "MqttCommand", "MqttMessage", "Topics", "read_command", "slug"]

ONLINE, OFFLINE = "online", "offline"
DISCOVERY = "homeassistant"
COMMANDS = ("threshold", "label")


class MqttMessage(NamedTuple):
    """A message to publish."""

    topic: str
    payload: str
    retain: bool = False


class MqttCommand(NamedTuple):
    """What somebody asks for: a threshold (0 to 1), or a label on or off (1 or 0)."""

    kind: str
    label: str
    value: float


def slug(text: str) -> str:
    """Return a text as a part of a topic: lower case, digits and _.

    >>> slug("Alarm bell/1")
    'alarm_bell_1'
    """
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_") or "_"


class Topics(NamedTuple):
    """The topics below a base.

    labels: sounds that may be detected
    follows: whether a score is followed
    """

    base: str
    labels: Sequence[str] = ()
    follows: bool = False

    @property
    def status(self) -> str:
        """Return the topic that says whether we are there."""
        return f"{self.base}/status"

    def of(self, kind: str, label: str = "") -> str:
        """Return the topic of a kind of state, of a label where it has one."""
        return f"{self.base}/{kind}/{slug(label)}" if label else f"{self.base}/{kind}"

    @property
    def commands(self) -> list[str]:
        """Return the topics to subscribe to."""
        return [f"{self.base}/{kind}/+/set" for kind in COMMANDS] if self.labels else []

    def discovery(self) -> Iterator[MqttMessage]:
        """Yield what tells Home Assistant of every sound, threshold and switch, and of the place in the score."""
        for label in self.labels:
            name, key = label.replace("_", " "), slug(label)
            sound = {"device_class": "sound", "payload_on": "ON", "payload_off": "OFF"}
            yield self._entity("binary_sensor", f"sound_{key}", name, {"state_topic": self.of("sound", label), **sound})
            bounds = {"min": 0, "max": 1, "step": 0.01, "mode": "box"}
            yield self._entity(
                "number", f"threshold_{key}", f"{name} threshold", {**self._settable("threshold", label), **bounds}
            )
            yield self._entity("switch", f"label_{key}", f"{name} reported", self._settable("label", label))
        if self.follows:
            yield self._entity("sensor", "state", "state", {"state_topic": self.of("state")})
            for key, unit in (("bar", ""), ("tempo_bpm", "bpm"), ("confidence", "")):
                template = f"{{{{ value_json.{key} }}}}"
                more = {"unit_of_measurement": unit} if unit else {}
                place = {"state_topic": self.of("position"), "value_template": template, **more}
                yield self._entity("sensor", key, key.replace("_bpm", ""), place)

    def _settable(self, kind: str, label: str) -> dict[str, Any]:
        topic = self.of(kind, label)
        return {"state_topic": topic, "command_topic": f"{topic}/set", "entity_category": "config"}

    def _entity(self, component: str, key: str, name: str, values: dict[str, Any]) -> MqttMessage:
        node = slug(self.base)
        config = {
            "name": name,
            "unique_id": f"{node}_{key}",
            "object_id": f"{node}_{key}",
            "availability_topic": self.status,
            "device": {"identifiers": [node], "name": self.base, "manufacturer": "Colla Parte"},
            **values,
        }
        return MqttMessage(f"{DISCOVERY}/{component}/{node}/{key}/config", json.dumps(config), retain=True)


def read_command(topics: Topics, topic: str, payload: bytes) -> MqttCommand:
    """Read a command; ConfigError for what is none."""
    kind, _, rest = topic.removeprefix(f"{topics.base}/").partition("/")
    named = {slug(label): label for label in topics.labels}
    label = named.get(rest.removesuffix("/set"))
    if kind not in COMMANDS or label is None or not rest.endswith("/set"):
        raise ConfigError(topic, expected="a command for one of " + ", ".join(topics.labels), got="another")
    text = payload[:80].decode(errors="replace").strip()
    if kind == "label":
        switched = {"ON": 1.0, "OFF": 0.0}.get(text.upper())
        if switched is None:
            raise ConfigError(topic, expected="ON or OFF", got=repr(text))
        return MqttCommand(kind, label, switched)
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ConfigError(topic, expected="a probability from 0 to 1", got=repr(text))
    return MqttCommand(kind, label, value)
