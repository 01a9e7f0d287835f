"""A mosquitto of our own on a free port, and another client of it."""

from __future__ import annotations

import socket
import subprocess
import threading
from pathlib import Path

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from tests.engine.stage.outward.servers import LIMIT_S, until
from tests.stage_tools import needs_tool

__all__ = ["Mosquitto", "MqttEars"]


class Mosquitto:
    """A broker of our own; it can die and come back on its port. login: user and password that it wants."""

    def __init__(self, folder: Path, login: tuple[str, str] | None = None) -> None:
        self._tool = needs_tool("mosquitto", "mosquitto")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        anonymous = "true" if login is None else "false"
        lines = [f"listener {self.port} 127.0.0.1", "persistence false", f"allow_anonymous {anonymous}", "user root"]
        if login is not None:
            passwords = folder / "passwords"
            make = needs_tool("mosquitto_passwd", "mosquitto")
            subprocess.run([make, "-b", "-c", str(passwords), *login], check=True, capture_output=True)
            passwords.chmod(0o644)
            lines.append(f"password_file {passwords}")
        self._config = folder / "mosquitto.conf"
        self._config.write_text("\n".join(lines) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """HOST:PORT."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start, and wait until it listens."""
        command = [self._tool, "-c", str(self._config)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(self._listens, "mosquitto listens")

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self) -> None:
        """End it without warning."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._process = None

    def __enter__(self) -> Mosquitto:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()


class MqttEars:
    """Another client, which hears all and may say something."""

    def __init__(self, broker: Mosquitto, login: tuple[str, str] | None = None) -> None:
        self.heard: list[tuple[str, str, bool]] = []
        self.client = Client(CallbackAPIVersion.VERSION2)
        if login is not None:
            self.client.username_pw_set(*login)
        ready = threading.Event()
        self.client.on_message = self._take
        self.client.on_subscribe = lambda *_: ready.set()
        self.client.connect("127.0.0.1", broker.port)
        self.client.loop_start()
        self.client.subscribe("#", qos=1)
        assert ready.wait(LIMIT_S)

    def _take(self, client: Client, _: object, message: MQTTMessage) -> None:
        self.heard.append((message.topic, message.payload.decode(), message.retain))

    def of(self, topic: str) -> list[str]:
        """What was heard of a topic."""
        return [payload for each, payload, _ in list(self.heard) if each == topic]

    def await_last(self, topic: str, payload: str) -> None:
        """Wait until the last message of a topic is this."""
        until(lambda: self.of(topic)[-1:] == [payload], f"{topic} {payload}, heard {self.of(topic)}")

    def say(self, topic: str, payload: str) -> None:
        """Publish."""
        self.client.publish(topic, payload, qos=1)

    def __enter__(self) -> MqttEars:
        return self

    def __exit__(self, *error: object) -> None:
        self.client.disconnect()
        self.client.loop_stop()
