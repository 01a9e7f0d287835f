"""Run a session: follow what a device hears, in an engine process of its own, until ctrl-C.

    follow_live.py [SCORE [SECONDS]]

takes JACK where a server runs, else the default microphone; SECONDS ends it by itself.
"""

from __future__ import annotations

import sys

from engine.audio import Device, list_devices
from engine.core.errors import DeviceError
from engine.core.events import Event, Position
from engine.pipeline import PipelineConfig
from engine.realtime import Session, SessionConfig, SessionStatus
from engine.score import read_score

score_file = sys.argv[1] if len(sys.argv) > 1 else "demo/score.musicxml"
seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 0.0


def first_input() -> Device | None:
    for backend in ("jack", "portaudio"):
        try:
            if any(info.n_inputs for info in list_devices(backend)):
                return Device(backend=backend)
        except DeviceError as error:
            print(error)
    return None


def on_event(event: Event) -> None:
    if isinstance(event, Position):
        print(f"\rbar {event.bar:3d}  quarter {event.quarter:6.1f}", end="", flush=True)


def on_status(status: SessionStatus) -> None:
    if status.message:
        print(status.message)


if __name__ == "__main__":
    source = first_input()
    if source is None:
        print("no device to listen to: start JACK or plug in a sound card")
    else:
        pipeline = PipelineConfig(score=read_score(score_file))
        session = Session(SessionConfig(source=source, pipeline=pipeline, duration_s=seconds))
        report = session.run(on_event, on_status)
        print(f"\n{report.n_samples / report.sample_rate:.1f} s, ended: {report.ended}")
