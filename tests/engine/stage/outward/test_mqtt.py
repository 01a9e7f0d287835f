"""A real mosquitto: states are kept, commands obeyed, the last will spoken; one that comes back is told everything."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.core.errors import ConfigError
from engine.core.events import Cue, Guesses, Position, Sound, State
from engine.realtime.session_types import SessionStatus
from engine.realtime.states import SessionState
from tests.optional import optional

optional("paho")

from engine.stage.outward.mqtt_link import PASSWORD, USER, read_login  # noqa: E402
from engine.stage.outward.mqtt_outlet import MqttOutlet, MqttPlan  # noqa: E402
from tests.engine.stage.outward.broker import Mosquitto, MqttEars  # noqa: E402
from tests.engine.stage.outward.servers import until  # noqa: E402

RATE = 44100


class Desk:
    """Thresholds as they were set."""

    def __init__(self) -> None:
        self.thresholds: dict[str, float] = {}

    def threshold(self, label: str, probability: float) -> None:
        if label == "cat":
            raise ConfigError("threshold", expected="dog", got="cat")
        self.thresholds[label] = probability


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path) as running:
        yield running


def outlet_to(broker: Mosquitto, said: list[str], desk: Desk) -> MqttOutlet:
    plan = MqttPlan(
        broker=read_login(broker.address),
        sample_rate=RATE,
        labels=["dog", "cat"],
        thresholds={"dog": 0.5, "cat": 0.4},
        follows=True,
    )
    return MqttOutlet(plan, said.append, desk)


def sound(label: str, *, active: bool) -> Sound:
    return Sound(at=RATE, emitted_at=RATE, label=label, active=active, probability=0.75)


def test_states_are_kept_commands_obeyed_and_the_end_is_told(broker: Mosquitto) -> None:
    said: list[str] = []
    desk = Desk()
    with MqttEars(broker) as ears:
        outlet = outlet_to(broker, said, desk)
        ears.await_last("collaparte/status", "online")
        outlet.take(sound("dog", active=True), None)
        outlet.take(State(at=0, emitted_at=0, name="following", why=""), None)
        outlet.take(Cue(at=RATE, emitted_at=0, name="sea", quarter=3.0), None)
        for quarter in range(50):
            outlet.take(
                Position(at=0, emitted_at=0, quarter=quarter, bar=2, score_s=1, tempo_bpm=90, confidence=0.9), None
            )
            outlet.take(Guesses(at=0, emitted_at=0, labels=("dog", "cat"), probabilities=(0.7512, 0.2)), None)
        ears.await_last("collaparte/guesses", '{"dog": 0.751, "cat": 0.2}')
        assert ears.of("collaparte/sound/dog") == ["OFF", "ON"] and ears.of("collaparte/state") == ["following"]
        assert json.loads(ears.of("collaparte/events")[0])["label"] == "dog"
        assert json.loads(ears.of("collaparte/cue")[0])["name"] == "sea"
        assert len(ears.of("collaparte/position")) == 1, "positions come seldom"
        ears.say("collaparte/threshold/dog/set", "0.25")
        ears.await_last("collaparte/threshold/dog", "0.25")
        ears.say("collaparte/label/dog/set", "OFF")
        ears.await_last("collaparte/label/dog", "OFF")
        assert desk.thresholds == {"dog": 1.0}
        ears.await_last("collaparte/sound/dog", "OFF")
        outlet.take(sound("dog", active=True), None)
        ears.say("collaparte/label/dog/set", "ON")
        ears.await_last("collaparte/label/dog", "ON")
        assert desk.thresholds == {"dog": 0.25} and ears.of("collaparte/sound/dog")[-1] == "OFF"
        outlet.take(sound("dog", active=True), None)
        ears.await_last("collaparte/sound/dog", "ON")
        ears.say("collaparte/threshold/dog/set", "loud")
        ears.say("collaparte/threshold/cat/set", "0.1")
        until(lambda: len(said) == 2, "both are refused")
        outlet.look(SessionStatus(state=SessionState.WAITING))
        ears.await_last("collaparte/sound/dog", "OFF")
        outlet.close()
        ears.await_last("collaparte/status", "offline")
    with MqttEars(broker) as late:
        late.await_last("collaparte/threshold/dog", "0.25")
        kept = {topic for topic, _, retained in late.heard if retained}
    assert {"collaparte/state", "collaparte/sound/cat", "homeassistant/number/collaparte/threshold_dog/config"} <= kept
    assert "expected a probability from 0 to 1, got 'loud'" in said[0] and "expected dog, got cat" in said[1]


def test_a_broker_that_comes_back_is_told_everything_again(broker: Mosquitto) -> None:
    said: list[str] = []
    outlet = outlet_to(broker, said, Desk())
    until(lambda: outlet.link.connected, "connected")
    outlet.take(sound("cat", active=True), None)
    broker.kill()
    until(lambda: not outlet.link.connected, "gone")
    outlet.take(State(at=0, emitted_at=0, name="lost", why=""), None)
    broker.start()
    until(lambda: outlet.link.connected and len(said) == 2, "connected again")
    with MqttEars(broker) as ears:
        ears.await_last("collaparte/state", "lost")
        ears.await_last("collaparte/sound/cat", "ON")
        ears.await_last("collaparte/status", "online")
    outlet.close()
    assert "waiting for it" in said[0] and said[1].endswith("connected")


def test_whoever_is_killed_has_a_last_will(broker: Mosquitto) -> None:
    code = f"""
import time
from engine.stage.outward.mqtt_link import MqttLink, read_login
from engine.stage.outward.topics import MqttMessage
will, here = (MqttMessage("collaparte/status", text, True) for text in ("offline", "online"))
MqttLink(read_login("{broker.address}"), print, will=will, greeting=lambda: [here]).open()
time.sleep(60)
"""
    with MqttEars(broker) as ears:
        child = subprocess.Popen([sys.executable, "-c", code])
        try:
            ears.await_last("collaparte/status", "online")
        finally:
            child.send_signal(signal.SIGKILL)
            child.wait()
        ears.await_last("collaparte/status", "offline")


def test_a_login_is_taken_from_a_file_or_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "login"
    file.write_text("ada\nsecret\n")
    monkeypatch.setenv(USER, "env")
    monkeypatch.setenv(PASSWORD, "hidden")
    assert (read_login("host").user, read_login("host").password) == ("env", "hidden")
    broker = read_login("mqtts://host", file)
    assert (broker.user, broker.password, broker.place, broker.tls) == ("ada", "secret", ("host", 8883), True)
    assert "secret" not in repr(broker)
    file.write_text("ada\nsecret\nmore\n")
    with pytest.raises(ConfigError, match="expected two lines, user and password") as caught:
        read_login("host", file)
    assert "secret" not in str(caught.value)
    with pytest.raises(ConfigError, match="HOST or HOST:PORT"):
        read_login("host:port")


def test_a_wrong_password_is_told_once(tmp_path: Path) -> None:
    said: list[str] = []
    file = tmp_path / "login"
    with Mosquitto(tmp_path, login=("ada", "secret")) as broker:
        file.write_text("ada\nwrong\n")
        outlet = MqttOutlet(MqttPlan(broker=read_login(broker.address, file), sample_rate=1), said.append)
        until(lambda: bool(said), "refused")
        outlet.close()
        assert "refuses: Not authorized" in said[0] and "wrong" not in said[0] and len(said) == 1
        file.write_text("ada\nsecret\n")
        right = MqttOutlet(MqttPlan(broker=read_login(broker.address, file), sample_rate=1), said.append)
        until(lambda: right.link.connected, "let in")
        right.close()
    assert len(said) == 1
