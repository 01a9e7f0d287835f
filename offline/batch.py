"""Many files through one pipeline, with a progress bar; one bad file does not stop the others."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from tqdm import tqdm

from engine.errors import EngineError
from engine.format import AudioFormat
from engine.io.files import AudioReader, StemWriter
from engine.pipelines import Pipeline, PipelineConfig
from engine.stream import stream_file

__all__ = ["folders", "separate_files"]

Configure = Callable[[AudioFormat], PipelineConfig]


def folders(files: Sequence[Path], output: Path) -> list[Path]:
    """One folder a file, named like the file; with its suffix where two files would share one."""
    count = Counter(file.stem for file in files)
    return [output / (file.stem if count[file.stem] == 1 else file.name) for file in files]


def separate_files(files: Sequence[Path], output: Path, configure: Configure, *, stop: threading.Event) -> int:
    """Separate every file into its folder of stems; return how many failed, each reported in one line."""
    failed = 0
    with tqdm(files, unit="file", disable=len(files) < 2) as bar:
        for file, folder in zip(bar, folders(files, output), strict=True):
            if stop.is_set():
                break
            try:
                _separate(file, folder, configure, stop)
            except EngineError as error:
                failed += 1
                bar.write(f"collaparte: {error}", file=sys.stderr)
    return failed


def _separate(file: Path, folder: Path, configure: Configure, stop: threading.Event) -> None:
    with AudioReader(file) as reader:
        pipeline = Pipeline(reader.format, configure(reader.format))
        bar = tqdm(total=reader.n_samples, unit="sample", unit_scale=True, desc=file.name, leave=None)
        with bar, StemWriter(folder, pipeline.targets, reader.format, skip=pipeline.latency) as stems:
            report = stream_file(reader, pipeline, stems=stems, stop=stop, on_progress=lambda now: _move(bar, now))
        if report.missing:
            bar.write(f"collaparte: {file}: {report.missing} samples that its header promises are missing at its end")


def _move(bar: tqdm, now: int) -> None:
    bar.update(now - bar.n)
