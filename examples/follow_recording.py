"""Follow a recording through a score, as live, and print a line for every bar."""

from __future__ import annotations

import sys

from engine.audio import AudioReader
from engine.core.events import Event, Position
from engine.pipeline import Pipeline, PipelineConfig, stream_file
from engine.score import read_score

performance, score_file = [*sys.argv[1:], "demo/performance.wav", "demo/score.musicxml"][:2]

with AudioReader(performance) as reader:
    pipeline = Pipeline(reader.format, PipelineConfig(score=read_score(score_file)))
    bars: list[int] = []

    def on_event(event: Event) -> None:
        if isinstance(event, Position) and event.bar not in bars[-1:]:
            bars.append(event.bar)
            seconds = event.at / reader.format.sample_rate
            print(f"{seconds:6.2f} s  bar {event.bar:3d}  {event.tempo_bpm:5.1f} bpm  sure {event.confidence:.0%}")

    stream_file(reader, pipeline, on_event=on_event)
