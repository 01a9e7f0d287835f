"""Run a session: follow what a device hears, in an engine process of its own, until ctrl-C.

Without arguments it takes the demo's recording in place of a device; `device` takes the default microphone.
"""

from __future__ import annotations

import sys
from pathlib import Path

from engine.audio import list_devices
from engine.core.events import Event, Position
from engine.pipeline import PipelineConfig
from engine.realtime import Session, SessionConfig, SessionStatus
from engine.score import read_score

source_name, score_file = [*sys.argv[1:], "demo/performance.wav", "demo/score.musicxml"][:2]


def on_event(event: Event) -> None:
    if isinstance(event, Position):
        print(f"\rbar {event.bar:3d}  quarter {event.quarter:6.1f}", end="", flush=True)


def on_status(status: SessionStatus) -> None:
    if status.message:
        print(status.message)


if __name__ == "__main__":
    source = list_devices("portaudio")[0] if source_name == "device" else Path(source_name)
    session = Session(SessionConfig(source=source, pipeline=PipelineConfig(score=read_score(score_file))))
    report = session.run(on_event, on_status)
    print(f"\n{report.n_samples / report.sample_rate:.1f} s, ended by {report.ended}")
