"""A connection to an MQTT broker that never blocks, comes back by itself, and knows what the broker has to keep."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from engine.core.config import Settings, plain
from engine.core.errors import ConfigError
from engine.stage.cues.actions import MQTT_PORT, host_and_port
from engine.stage.outward.topics import MqttMessage

__all__ = ["Broker", "MqttLink", "read_login"]

TLS = "mqtts://"
TLS_PORT = 8883
USER, PASSWORD = "COLLAPARTE_MQTT_USER", "COLLAPARTE_MQTT_PASSWORD"
AGAIN_S = (1, 30)  # shortest and longest wait before connecting again
KEEPALIVE_S = 15
CLOSE_S = 0.5
MOST_WAITING = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker(Settings):
    """Where a broker is, and who we are to it."""

    address: str = plain("", "HOST, HOST:PORT or mqtts://HOST:PORT")
    user: str = plain("", "user; empty for none")
    password: str = plain("", "password")

    def __repr__(self) -> str:
        """Never show the password."""
        return f"Broker({self.address})"

    @property
    def tls(self) -> bool:
        """Return whether the connection is encrypted."""
        return self.address.startswith(TLS)

    @property
    def place(self) -> tuple[str, int]:
        """Return host and port; ConfigError if the address is none."""
        text = self.address.removeprefix(TLS).removeprefix("mqtt://")
        return host_and_port(text, TLS_PORT if self.tls else MQTT_PORT)


def read_login(address: str, file: Path | None = None) -> Broker:
    """Return a broker with the user and password of a file of two lines, else of the environment."""
    user, password = os.environ.get(USER, ""), os.environ.get(PASSWORD, "")
    if file is not None:
        try:
            user, password, *more = [*file.read_text(encoding="utf-8").splitlines(), "", ""]
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(str(file), expected="a file with user and password", got=str(error)) from error
        if not user or any(more):
            raise ConfigError(str(file), expected="two lines, user and password", got="something else")
    broker = Broker(address=address, user=user, password=password)
    _ = broker.place
    return broker


class MqttLink:
    """A connection that is made and made again in a thread of its own.

    will: retained message that the broker publishes where we vanish, and that is published at the end
    greeting: called after every connection, returns what to publish then
    subscribe: topics whose messages `take` gets, in the link's thread
    say: prints one line
    """

    def __init__(
        self,
        broker: Broker,
        say: Callable[[str], None],
        *,
        will: MqttMessage | None = None,
        greeting: Callable[[], Sequence[MqttMessage]] = tuple,
        subscribe: Sequence[str] = (),
        take: Callable[[str, bytes], None] = lambda topic, payload: None,
    ) -> None:
        self._broker, self._say, self._will = broker, say, will
        self._greeting, self._subscribe, self._take = greeting, subscribe, take
        self._told = ""
        self.n_lost = 0
        self._client = self._made()

    def open(self) -> None:
        """Begin to connect."""
        host, port = self._broker.place
        self._client.connect_async(host, port, keepalive=KEEPALIVE_S)
        self._client.loop_start()

    def _made(self) -> Client:
        client = Client(CallbackAPIVersion.VERSION2)
        client.max_queued_messages_set(MOST_WAITING)
        client.reconnect_delay_set(*AGAIN_S)
        if self._broker.user:
            client.username_pw_set(self._broker.user, self._broker.password or None)
        if self._broker.tls:
            client.tls_set()
        if self._will is not None:
            client.will_set(self._will.topic, self._will.payload, qos=1, retain=True)
        client.on_connect, client.on_disconnect = self._connected, self._disconnected
        client.on_connect_fail, client.on_message = self._failed, self._came
        return client

    @property
    def connected(self) -> bool:
        """Return whether the broker is there."""
        return bool(self._client.is_connected())

    def publish(self, message: MqttMessage, qos: int = 0) -> bool:
        """Publish, at once; return False where the broker is not there: it is lost, unless the greeting has it."""
        if not self.connected:
            self.n_lost += 1
            return False
        self._client.publish(message.topic, message.payload, qos=qos, retain=message.retain)
        return True

    def _connected(self, client: Client, _: object, flags: object, reason: Any, properties: object) -> None:
        if reason.is_failure:
            self._tell(f"refuses: {reason}")
            return
        for topic in self._subscribe:
            client.subscribe(topic, qos=1)
        for message in self._greeting():
            client.publish(message.topic, message.payload, retain=message.retain)  # 0: never sent again, stale
        if self._told:
            self._told = ""
            self._say(f"MQTT broker {self._broker.address}: connected")

    def _disconnected(self, client: Client, _: object, flags: object, reason: Any, properties: object) -> None:
        if reason.is_failure:
            self._tell(f"gone ({reason}); waiting for it")

    def _failed(self, client: Client, _: object) -> None:
        self._tell("cannot be reached; trying again")

    def _tell(self, text: str) -> None:
        """Tell what is wrong, once until it works again."""
        if not self._told:
            self._told = text
            self._say(f"MQTT broker {self._broker.address}: {text}")

    def _came(self, client: Client, _: object, message: MQTTMessage) -> None:
        try:
            self._take(message.topic, bytes(message.payload))
        except Exception as error:  # else the link's thread would end
            self._say(f"MQTT {message.topic}: {error}")

    def close(self) -> None:
        """Say goodbye and disconnect."""
        if self._will is not None and self.connected:
            self._client.publish(self._will.topic, self._will.payload, qos=1, retain=True)
        end_s = time.monotonic() + CLOSE_S
        while self.connected and self._client.want_write() and time.monotonic() < end_s:
            time.sleep(0.005)
        self._client.disconnect()
        self._client.loop_stop()
