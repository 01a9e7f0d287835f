"""Publish what cues say to MQTT brokers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from engine.core.errors import DeviceError
from engine.stage.cues.actions import MqttAction, payload_bytes
from engine.stage.outward.mqtt_link import MqttLink, read_login
from engine.stage.outward.topics import MqttMessage

__all__ = ["MqttPerformer"]


class MqttPerformer:
    """A link to each broker that the cues name.

    login: file with user and password, else they are taken from the environment
    """

    def __init__(self, actions: Iterable[MqttAction], say: Callable[[str], None], login: Path | None = None) -> None:
        brokers = dict.fromkeys(action.mqtt for action in actions)
        self.links = {name: MqttLink(read_login(name, login), say) for name in brokers}
        for link in self.links.values():
            link.open()

    def perform(self, action: MqttAction) -> None:
        """Publish; DeviceError while the broker is away."""
        message = MqttMessage(action.topic, payload_bytes(action.payload).decode(), action.retain)
        if not self.links[action.mqtt].publish(message, action.qos):
            raise DeviceError(action.mqtt, expected="an MQTT broker", got="none that answers; it is tried again")

    def close(self) -> None:
        """Disconnect."""
        for link in self.links.values():
            link.close()
