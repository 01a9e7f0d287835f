"""`--mqtt` and `--post` of a session that detects: sounds go out, and a threshold from the broker acts meanwhile."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest
import soundfile

from cli.outward_options import OutwardOptions
from cli.stage_outputs import StageOutputs, open_outlets
from engine.audio.devices import SILENT, Device
from engine.core.events import Event, Sound
from engine.detection.crnn import SoundConfig
from engine.pipeline.pipeline import PipelineConfig
from engine.realtime.session import Session, SessionConfig
from tests.cases.sounds import noise
from tests.engine.stage.outward.servers import web_server
from tests.networks.detection import small_crnn_file
from tests.optional import optional

optional("paho")

from tests.engine.stage.outward.broker import Mosquitto, MqttEars  # noqa: E402

RATE = 44100
SECONDS = 8


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """A detector whose threshold nothing reaches, over noise at its own pace."""
    path = tmp_path_factory.mktemp("noise") / "take.wav"
    soundfile.write(path, noise(SECONDS * RATE, 1), RATE, subtype="FLOAT")
    detect = SoundConfig(model=small_crnn_file(causal=True, look_ahead=1), threshold=1.0, guesses=2)
    config = SessionConfig(
        source=path,
        sink=Device(backend=SILENT, n_channels=1),
        pipeline=PipelineConfig(detect=detect),
        sample_rate=RATE,
        as_heard=True,
    )
    return Session(config)


@pytest.mark.slow
def test_a_threshold_from_the_broker_acts_while_it_runs(session: Session, tmp_path: Path) -> None:
    sounds: list[Sound] = []
    asked: list[str] = []
    with Mosquitto(tmp_path) as broker, MqttEars(broker) as ears, web_server() as server, ExitStack() as stack:
        options = StageOutputs(beyond=OutwardOptions(mqtt=broker.address, post=(server.url,)))
        tell, show = open_outlets(options, session, stack)
        ears.await_last("collaparte/status", "online")
        label = next(topic.split("/")[2] for topic, _, _ in list(ears.heard) if topic.startswith("collaparte/label/"))

        def take(event: Event) -> None:
            tell(event)
            if isinstance(event, Sound):
                sounds.append(event)
            elif not asked:
                asked.append(label)
                ears.say(f"collaparte/threshold/{label}/set", "0")

        session.run(on_event=take, on_status=show)
        ears.await_last(f"collaparte/threshold/{label}", "0")
        assert asked and ears.of("collaparte/guesses"), "what is below the thresholds is seen"
        assert [sound.active for sound in sounds][:1] == [True], "a threshold of 0 is always reached"
        assert ears.of(f"collaparte/sound/{label}")[:2] == ["OFF", "ON"]
    assert [body["type"] for _, _, _, body in server.asked][:1] == ["sound"]
