"""Run the pipeline over a file: follow and separate it, write events and stems."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from engine.audio.event_log import EventWriter
from engine.audio.files import STEM_BYTES, AudioReader, StemWriter
from engine.core.config import require_one_of
from engine.core.errors import ConfigError
from engine.core.events import Event, Position
from engine.core.format import AudioFormat
from engine.core.output_limits import require_not_input, require_room, require_writable
from engine.pipeline.file_stream import StreamReport, stream_file
from engine.pipeline.pipeline import Pipeline, PipelineConfig
from offline.batch.output_folders import StemJob, claim_folder

__all__ = ["FileJob", "JobReport", "Watcher", "run_file"]

MIX = "mix"


class Watcher(Protocol):
    """Sees what happens while a file streams."""

    def on_event(self, event: Event) -> None:
        """Take note of an event."""
        ...

    def on_progress(self, now: int) -> None:
        """Take note that `now` samples have been read."""
        ...

    def close(self) -> None:
        """The file is at its end."""
        ...


class Unwatched:
    """The watcher of a job that nobody watches."""

    def on_event(self, event: Event) -> None:
        """Ignore it."""

    def on_progress(self, now: int) -> None:
        """Ignore it."""

    def close(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileJob:
    """What to do with a file.

    configure: makes the settings of the pipeline for the file's format
    directory: folder for the stems
    events: file for the events, or - for standard output
    gains: by target; where given, mix.wav is written besides the stems
    watch: makes a watcher of the file, such as a line on the terminal
    keep: whether to keep the positions for the report
    job: what makes the stems; None if old stems in the folder may be replaced
    """

    input: Path
    configure: Callable[[AudioFormat], PipelineConfig]
    directory: Path | None = None
    events: str | None = None
    gains: Mapping[str, float] = field(default_factory=dict)
    watch: Callable[[AudioReader], Watcher] | None = None
    keep: bool = False
    job: StemJob | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobReport:
    """What was done.

    input: the file
    stream: report of the stream
    audio: format of the file
    positions: in order, if kept
    stems: files by target
    events: file of the events
    """

    input: Path
    stream: StreamReport
    audio: AudioFormat
    positions: list[Position]
    stems: dict[str, Path]
    events: Path | None


def run_file(job: FileJob, *, stop: threading.Event | None = None) -> JobReport:
    """Stream the file through its pipeline and write everything that was asked for."""
    with AudioReader(job.input) as reader, ExitStack() as stack:
        pipeline = _pipeline(job, reader.format)
        stems = _stems(job, pipeline, reader.format, stack)
        positions: list[Position] = []
        watcher = Unwatched() if job.watch is None else job.watch(reader)
        sinks: list[Callable[[Event], None]] = [watcher.on_event]
        if job.events is not None:
            sinks.append(stack.enter_context(EventWriter(job.events, reader.format.sample_rate)).write)

        def on_event(event: Event) -> None:
            if job.keep and isinstance(event, Position):
                positions.append(event)
            for sink in sinks:
                sink(event)

        stream = stream_file(
            reader, pipeline, stems=stems, on_event=on_event, on_progress=watcher.on_progress, stop=stop
        )
        watcher.close()
        audio = reader.format
    files = {} if job.directory is None else {name: job.directory / f"{name}.wav" for name in pipeline.targets}
    events = Path(job.events) if job.events not in (None, "-") else None
    return JobReport(input=job.input, stream=stream, audio=audio, positions=positions, stems=files, events=events)


def _pipeline(job: FileJob, audio: AudioFormat) -> Pipeline:
    """The pipeline for the file; its errors name the file."""
    config = job.configure(audio)
    try:
        return Pipeline(audio, config)
    except ConfigError as error:
        raise error.about(job.input) from error


def _stems(job: FileJob, pipeline: Pipeline, audio: AudioFormat, stack: ExitStack) -> StemWriter | None:
    if job.directory is None:
        if job.gains:
            raise ConfigError("--gain", expected="an --output to mix for", got="none", remedy="add --output DIR")
        return None
    targets = (*pipeline.targets, MIX) if job.gains else pipeline.targets
    _claim(job, job.directory, targets, audio)
    if job.gains:
        return stack.enter_context(_MixingWriter(job.directory, pipeline, job.gains))
    return stack.enter_context(StemWriter(job.directory, pipeline.targets, audio, skip=pipeline.latency))


def _claim(job: FileJob, folder: Path, targets: Sequence[str], audio: AudioFormat) -> None:
    """Raise OutputError, before the work, if the stems cannot go there; delete those of an earlier run."""
    require_writable(folder, folder=True, expected="a folder for the stems")
    for name in targets:
        require_not_input(folder / f"{name}.wav", [job.input])
    with AudioReader(job.input) as reader:
        n_bytes = reader.n_samples * audio.n_channels * len(targets) * STEM_BYTES
    old = [path.stat().st_size for name in targets if (path := folder / f"{name}.wav").is_file()]
    require_room(folder, max(0, n_bytes - sum(old)), "stems")
    if job.job is not None:
        claim_folder(folder, job.input, job.job, targets)


class _MixingWriter(StemWriter):
    """Writes the stems, and their sum by gains as one more target."""

    def __init__(self, directory: Path, pipeline: Pipeline, gains: Mapping[str, float]) -> None:
        for name in gains:
            require_one_of("--gain", name, pipeline.targets)
        self._gains = np.array([gains.get(name, 1.0) for name in pipeline.targets], np.float32)
        super().__init__(directory, (*pipeline.targets, MIX), pipeline.audio, skip=pipeline.latency)

    def write(self, stems: npt.NDArray[np.float32], *, end: int | None = None) -> None:
        """Append stems (sample, target, channel) and their mix."""
        mixed = np.tensordot(stems, self._gains, (1, 0))[:, None]
        super().write(np.concatenate([stems, mixed], axis=1), end=end)
