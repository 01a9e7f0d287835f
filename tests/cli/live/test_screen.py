"""What a live session says of its ports and its latency."""

from __future__ import annotations

from pathlib import Path

from cli.live.screen import describe_parts, describe_ports
from engine.audio.devices import Device
from engine.pipeline.pipeline import PipelineConfig
from engine.realtime.messages import Latency
from engine.realtime.session import SessionConfig
from engine.separation.config import TUNED

JACK = Device(backend="jack")
LATENCY = Latency(sample_rate=48000, device=1024, rings=992, resampling=0, pipeline=2400)


def test_ports_and_files_are_named() -> None:
    config = SessionConfig(source=JACK, sink=JACK, record_to=Path("takes"), events_to="events.jsonl")
    (text,) = describe_ports(config)
    assert text.startswith("input jack (2 channels), output jack (2 channels), recording to takes, events to events")


def test_latency_names_its_parts_and_what_lowers_them() -> None:
    text = describe_parts(LATENCY, SessionConfig(source=JACK, sink=JACK, pipeline=PipelineConfig(separate=TUNED)))
    assert text.startswith("latency 92.0 ms = ")
    assert "device 21.3" in text and "pipeline 50.0" in text and "resampling" not in text
    assert text.index("--look-ahead 0") < text.index("jackd -p 128")
    sound_card = Device(backend="portaudio", name="card")
    text = describe_parts(LATENCY, SessionConfig(source=sound_card))
    assert text.endswith("; lower it by a shorter block (--block 128)")
