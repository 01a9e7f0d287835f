"""Separate many files into stems, with a progress bar; one bad file does not stop the others."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tqdm import tqdm

from engine.audio.files import STEM_BYTES, AudioReader, StemWriter
from engine.core.errors import EngineError, printable
from engine.core.format import AudioFormat
from engine.core.output_limits import require_room
from engine.core.whole_file import discard_stale
from engine.pipeline.file_stream import stream_file
from engine.pipeline.pipeline import Pipeline, PipelineConfig
from engine.separation.config import HpssConfig
from offline.batch.output_folders import StemFolder, StemJob, stem_folders
from offline.separation import backfitting

__all__ = ["SeparatedFiles", "Separation", "StreamSeparation", "WholeFileSeparation", "separate_files"]


class Separation(Protocol):
    """Separates a file."""

    def targets(self, audio: AudioFormat) -> Sequence[str]:
        """The names of the stems of such audio."""
        ...

    def separate(self, file: Path, folder: Path, stop: threading.Event) -> str:
        """Write the stems of a file into a folder, unless asked to stop; what is to say of a file that was cut off."""
        ...


@dataclass(slots=True)
class SeparatedFiles:
    """What became of the files.

    done: folders that were written
    short: how many of them come from files that were cut off
    failed: files that could not be separated
    """

    done: list[Path] = field(default_factory=list)
    short: int = 0
    failed: int = 0


def separate_files(
    files: Sequence[Path], output: Path, separation: Separation, *, job: StemJob, stop: threading.Event
) -> SeparatedFiles:
    """Separate every file into its folder of stems, which appears whole; each failure is reported in one line.

    OutputError, before anything is written, if the disk has no room for all stems.
    """
    result = SeparatedFiles()
    discard_stale(output)
    folders = stem_folders(files, output, job)
    _require_room([file for file, to in zip(files, folders, strict=True) if _is_open(to)], output, separation)
    with tqdm(files, unit="file", disable=len(files) < 2) as bar:
        for file, folder in zip(bar, folders, strict=True):
            if stop.is_set():
                break
            try:
                _separate_one(file, folder, separation, stop, result)
            except _Stopped:
                break
            except EngineError as error:
                result.failed += 1
                say(str(error.about(file)))
    return result


class _Stopped(Exception):
    """The user asked to stop: what is half done is no result."""


def _separate_one(
    file: Path, folder: StemFolder | EngineError, separation: Separation, stop: threading.Event, result: SeparatedFiles
) -> None:
    if isinstance(folder, EngineError):
        raise folder
    with folder.fill() as part:
        shortfall = separation.separate(file, part, stop)
        if stop.is_set():
            raise _Stopped
    result.done.append(folder.path)
    if shortfall:
        result.short += 1
        say(shortfall)


def say(line: str) -> None:
    """Print one line about a file on standard error, above the bars."""
    tqdm.write(f"collaparte: {line}", file=sys.stderr)


def _is_open(folder: StemFolder | EngineError) -> bool:
    return not isinstance(folder, EngineError)


def _require_room(files: Sequence[Path], output: Path, separation: Separation) -> None:
    """OutputError unless there is room for the stems of all files that can be read."""
    n_bytes, n_targets = 0, 0
    for file in files:
        try:
            with AudioReader(file) as reader:
                n_targets = n_targets or len(separation.targets(reader.format))
                n_bytes += reader.n_samples * reader.format.n_channels * n_targets * STEM_BYTES
        except EngineError:
            continue  # will be told when it is its turn
    if n_bytes:
        require_room(output, n_bytes, "stems")


@dataclass(frozen=True, slots=True)
class StreamSeparation:
    """Separates through the live pipeline, in bounded memory."""

    config: PipelineConfig

    def targets(self, audio: AudioFormat) -> Sequence[str]:
        """The targets of the pipeline."""
        return Pipeline(audio, self.config).targets

    def separate(self, file: Path, folder: Path, stop: threading.Event) -> str:
        """Stream the file."""
        with AudioReader(file) as reader:
            pipeline = Pipeline(reader.format, self.config)
            bar = tqdm(total=reader.n_samples, unit="sample", unit_scale=True, desc=printable(file.name), leave=None)
            with bar, StemWriter(folder, pipeline.targets, reader.format, skip=pipeline.latency) as stems:
                stream_file(reader, pipeline, stems=stems, stop=stop, on_progress=lambda now: _move(bar, now))
            return reader.shortfall


@dataclass(frozen=True, slots=True)
class WholeFileSeparation:
    """Separates by kernel back-fitting over the whole file at once."""

    config: HpssConfig

    def targets(self, audio: AudioFormat) -> Sequence[str]:
        """Those of the settings."""
        return self.config.targets

    def separate(self, file: Path, folder: Path, stop: threading.Event) -> str:
        """Read the file, separate and write it."""
        with AudioReader(file) as reader:
            stems = backfitting.separate_whole(reader.read(), reader.format.sample_rate, self.config)
            with StemWriter(folder, self.config.targets, reader.format) as writer:
                writer.write(stems)
            return reader.shortfall


def _move(bar: tqdm, now: int) -> None:
    bar.update(now - bar.n)
