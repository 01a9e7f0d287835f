"""Say which sounds begin and end in a recording, as they would be detected live."""

from __future__ import annotations

import sys

from engine.audio import AudioReader
from engine.core.events import Event, Sound
from engine.pipeline import Pipeline, PipelineConfig, stream_file
from offline.detection.presets import detect_config

(recording,) = [*sys.argv[1:], "demo/performance.wav"][:1]

with AudioReader(recording) as reader:
    pipeline = Pipeline(reader.format, PipelineConfig(detect=detect_config(None)))
    found: list[Sound] = []

    def on_event(event: Event) -> None:
        if isinstance(event, Sound):
            found.append(event)
            word = "begins" if event.active else "ends"
            print(f"{event.at / reader.format.sample_rate:6.2f} s  {event.label} {word} ({event.probability:.0%})")

    stream_file(reader, pipeline, on_event=on_event)

print(f"{len(found)} events in {reader.n_samples / reader.format.sample_rate:.0f} s")
