"""The job that separates a recording into a folder of stems, and the two ways to do so."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import MISSING, dataclass
from itertools import takewhile
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from engine.audio.files import AudioReader, StemWriter
from engine.core.config import Settings, plain
from engine.core.errors import EngineError, printable
from engine.core.format import AudioFormat
from engine.pipeline.file_stream import stream_file
from engine.pipeline.pipeline import Pipeline, PipelineConfig
from engine.separation.config import HpssConfig
from offline.batch.jobs.length import seconds_of
from offline.batch.task import BatchItem, LocalFiles, Outcome, Pulse, TableSpec, Work
from offline.recording import Recording
from offline.separation import backfitting

__all__ = ["Separation", "StemsJob", "StreamSeparation", "WholeFileSeparation"]


class Separation(Protocol):
    """Separates a file."""

    def targets(self, audio: AudioFormat) -> Sequence[str]:
        """The names of the stems of such audio."""
        ...

    def separate(self, file: Path, folder: Path, stop: threading.Event) -> str:
        """Write the stems of a file into a folder, unless asked to stop; what is to say of a file that was cut off."""
        ...


@dataclass(frozen=True, slots=True)
class StreamSeparation:
    """Separates through the live pipeline, in bounded memory; bar: whether to show how far it is."""

    config: PipelineConfig
    bar: bool = True

    def targets(self, audio: AudioFormat) -> Sequence[str]:
        """The targets of the pipeline."""
        return Pipeline(audio, self.config).targets

    def separate(self, file: Path, folder: Path, stop: threading.Event) -> str:
        """Stream the file."""
        with AudioReader(file) as reader:
            pipeline = Pipeline(reader.format, self.config)
            bar = tqdm(
                total=reader.n_samples,
                unit="sample",
                unit_scale=True,
                desc=printable(file.name),
                leave=None,
                disable=not self.bar,
            )
            with bar, StemWriter(folder, pipeline.targets, reader.format, skip=pipeline.latency) as stems:
                stream_file(reader, pipeline, stems=stems, stop=stop, on_progress=lambda now: _move(bar, now))
            return reader.shortfall


@dataclass(frozen=True, slots=True)
class WholeFileSeparation:
    """Separates by kernel back-fitting over the whole file, which is read several times, in bounded memory."""

    config: HpssConfig

    def targets(self, audio: AudioFormat) -> Sequence[str]:
        """Those of the settings."""
        return self.config.targets

    def separate(self, file: Path, folder: Path, stop: threading.Event) -> str:
        """Read the file, separate and write it."""
        recording = Recording.open(file)
        with StemWriter(folder, self.config.targets, recording.format) as writer:
            for stems in backfitting.separate_blocks(lambda: _until(stop, recording), recording.format, self.config):
                writer.write(stems)
        return "; ".join(sorted(recording.shortfalls))


def _until(stop: threading.Event, recording: Recording) -> Iterator[npt.NDArray[np.float32]]:
    """The recording, or as much of it as has been read when the user stops."""
    return takewhile(lambda block: not stop.is_set(), recording.blocks())


def _move(bar: tqdm, now: int) -> None:
    bar.update(now - bar.n)


@dataclass(frozen=True, slots=True, kw_only=True)
class StemsJob(Settings):
    """Separate each recording into a folder of stems."""

    separation: Separation = plain(MISSING, "what separates")

    kind: ClassVar[str] = "separate"
    ending: ClassVar[str] = "/"
    tables: ClassVar[Mapping[str, TableSpec]] = {}

    def begin(self) -> Work:
        """Nothing is kept from one recording to the next: a pipeline is made for each format."""
        return self._separate

    def _separate(self, item: BatchItem, files: LocalFiles, part: Path, pulse: Pulse) -> Outcome:
        del item
        seconds = 0.0
        with suppress(EngineError):  # told where it is separated
            seconds = seconds_of(files.audio, pulse)
        return Outcome(audio_s=seconds, shortfall=self.separation.separate(files.audio, part, pulse.stop))
