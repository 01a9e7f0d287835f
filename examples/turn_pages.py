"""Act ahead of the music: announce the next page before its first bar begins, by the tempo now."""

from __future__ import annotations

import sys

from engine.audio import AudioReader
from engine.core.events import Event, Position
from engine.pipeline import Pipeline, PipelineConfig, stream_file
from engine.score import read_score

performance, score_file = [*sys.argv[1:], "demo/performance.wav", "demo/score.musicxml"][:2]
PAGE_QUARTERS = 24.0  # of music on a page
AHEAD_S = 1.0  # before the page ends

pages = [0]


def on_event(event: Event) -> None:
    if not isinstance(event, Position) or event.confidence < 0.5:
        return
    ahead = event.quarter + AHEAD_S * event.tempo_bpm / 60
    page = int(ahead // PAGE_QUARTERS)
    if page != pages[-1]:
        print(f"{event.at / reader.format.sample_rate:6.2f} s  turn to page {page + 1}")
        pages.append(page)


with AudioReader(performance) as reader:
    pipeline = Pipeline(reader.format, PipelineConfig(score=read_score(score_file)))
    stream_file(reader, pipeline, on_event=on_event)
