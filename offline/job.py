"""The main job on a file: follow and separate it, write events and stems."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from engine.errors import ConfigError
from engine.events import Event, Position
from engine.format import AudioFormat
from engine.io.event_log import EventWriter
from engine.io.files import AudioReader, StemWriter
from engine.io.live_line import LiveLine
from engine.pipelines import Pipeline, PipelineConfig
from engine.stream import StreamReport, stream_file

__all__ = ["FileJob", "JobReport", "run_file"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileJob:
    """What to do with a file.

    configure: the pipeline for the file's format; directory: for the stems; events: a file, or - for standard
    output; show: a live line on the terminal; keep: remember the positions for the report, else it has none.
    """

    input: Path
    configure: Callable[[AudioFormat], PipelineConfig]
    directory: Path | None = None
    events: str | None = None
    show: bool = True
    keep: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class JobReport:
    """What came of it: the stream's report, the positions in order, and the files: input, stems by target, events."""

    input: Path
    stream: StreamReport
    audio: AudioFormat
    positions: list[Position]
    stems: dict[str, Path]
    events: Path | None


def run_file(job: FileJob, *, stop: threading.Event | None = None) -> JobReport:
    """Stream the file through its pipeline and write everything that was asked for."""
    with AudioReader(job.input) as reader, ExitStack() as stack:
        pipeline = Pipeline(reader.format, job.configure(reader.format))
        stems = _stems(job, pipeline, reader.format, stack)
        positions: list[Position] = []
        line = LiveLine(reader.format.sample_rate, duration=reader.n_samples, silent=not job.show)
        sinks: list[Callable[[Event], None]] = [line.on_event]
        if job.events is not None:
            sinks.append(stack.enter_context(EventWriter(job.events, reader.format.sample_rate)).write)

        def on_event(event: Event) -> None:
            if job.keep and isinstance(event, Position):
                positions.append(event)
            for sink in sinks:
                sink(event)

        stream = stream_file(reader, pipeline, stems=stems, on_event=on_event, on_progress=line.on_progress, stop=stop)
        line.close()
        audio = reader.format
    files = {} if job.directory is None else {name: job.directory / f"{name}.wav" for name in pipeline.targets}
    events = Path(job.events) if job.events not in (None, "-") else None
    return JobReport(input=job.input, stream=stream, audio=audio, positions=positions, stems=files, events=events)


def _stems(job: FileJob, pipeline: Pipeline, audio: AudioFormat, stack: ExitStack) -> StemWriter | None:
    if job.directory is None:
        return None
    if job.directory.is_file():
        raise ConfigError(str(job.directory), expected="a folder for the stems", got="a file")
    return stack.enter_context(StemWriter(job.directory, pipeline.targets, audio, skip=pipeline.latency))
