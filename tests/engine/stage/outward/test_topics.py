"""Topics, Home Assistant's discovery, and commands."""

from __future__ import annotations

import json

import pytest

from engine.core.errors import ConfigError
from engine.stage.outward.topics import MqttCommand, Topics, read_command

TOPICS = Topics("house/colla", ["dog", "alarm_bell_ringing"], follows=True)


def test_everything_is_discovered_with_its_own_id_and_the_same_device() -> None:
    found = list(TOPICS.discovery())
    configs = [json.loads(message.payload) for message in found]
    assert all(message.retain and message.topic.endswith("/config") for message in found)
    assert len({config["unique_id"] for config in configs}) == len(configs) == 2 * 3 + 4
    assert {tuple(config["device"]["identifiers"]) for config in configs} == {("house_colla",)}
    assert {config["availability_topic"] for config in configs} == {"house/colla/status"}
    number = next(config for message, config in zip(found, configs, strict=True) if "/number/" in message.topic)
    assert number["command_topic"] == "house/colla/threshold/dog/set" and (number["min"], number["max"]) == (0, 1)


@pytest.mark.parametrize(
    ("topic", "payload", "command"),
    [
        ("house/colla/threshold/dog/set", b" 0.25 ", MqttCommand("threshold", "dog", 0.25)),
        ("house/colla/label/alarm_bell_ringing/set", b"off", MqttCommand("label", "alarm_bell_ringing", 0.0)),
    ],
)
def test_commands(topic: str, payload: bytes, command: MqttCommand) -> None:
    assert read_command(TOPICS, topic, payload) == command


@pytest.mark.parametrize(
    ("topic", "payload", "message"),
    [
        ("house/colla/threshold/dog/set", b"1.5", "a probability from 0 to 1, got '1.5'"),
        ("house/colla/threshold/dog/set", b"nan", "a probability"),
        ("house/colla/threshold/dog/set", b"\xff" * 200, "a probability"),
        ("house/colla/threshold/cow/set", b"0.5", "a command for one of dog"),
        ("house/colla/threshold/dog", b"0.5", "a command for one of dog"),
        ("house/colla/label/dog/set", b"maybe", "ON or OFF, got 'maybe'"),
        ("other/threshold/dog/set", b"0.5", "a command"),
    ],
)
def test_what_is_no_command(topic: str, payload: bytes, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        read_command(TOPICS, topic, payload)
    assert "\n" not in str(caught.value)
