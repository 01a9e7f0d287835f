"""Separate many files into stems, with a progress bar; one bad file does not stop the others."""

from __future__ import annotations

import json
import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from tqdm import tqdm

from engine.audio.files import AudioReader, StemWriter
from engine.core.errors import EngineError
from engine.pipeline.file_stream import stream_file
from engine.pipeline.pipeline import Pipeline, PipelineConfig
from engine.separation.hpss import HpssConfig
from offline.separation import backfitting

__all__ = ["Separate", "by_stream", "by_whole_file", "folders", "separate_files"]

Separate = Callable[[Path, Path, threading.Event], None]  # a file into a folder of stems, unless asked to stop
MODELS = ".models.json"  # in the output folder: the model that wrote each folder of stems


def folders(files: Sequence[Path], output: Path) -> list[Path]:
    """Return one folder for each file, named like the file; with its suffix where two files would share one."""
    count = Counter(file.stem for file in files)
    return [output / (file.stem if count[file.stem] == 1 else file.name) for file in files]


def separate_files(
    files: Sequence[Path], output: Path, separate: Separate, *, label: str, stop: threading.Event
) -> tuple[list[Path], int]:
    """Separate every file into its folder of stems; each failure is reported in one line.

    label: of the model, for folders of files that another model has separated into `output` already
    Returns the folders that were written, and how many files failed.
    """
    done: list[Path] = []
    failed = 0
    with tqdm(files, unit="file", disable=len(files) < 2) as bar:
        for file, usual in zip(bar, folders(files, output), strict=True):
            if stop.is_set():
                break
            folder = _own_folder(usual, label)
            try:
                separate(file, folder, stop)
            except EngineError as error:
                failed += 1
                bar.write(f"collaparte: {error}", file=sys.stderr)
                continue
            done.append(folder)
            _remember(folder, label)
    return done, failed


def _own_folder(usual: Path, label: str) -> Path:
    """The usual folder, or another one beside it where that holds the stems of another model."""
    holds = _models(usual.parent).get(usual.name)
    return usual if holds in (None, label) else usual.with_name(f"{usual.name}-{label}")


def _models(output: Path) -> dict[str, str]:
    """Which model wrote each folder of stems."""
    path = output / MODELS
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def _remember(folder: Path, label: str) -> None:
    models = {**_models(folder.parent), folder.name: label}
    (folder.parent / MODELS).write_text(json.dumps(models, indent=1) + "\n", encoding="utf-8")


def by_stream(config: PipelineConfig) -> Separate:
    """Separate through the live pipeline, in bounded memory."""

    def separate(file: Path, folder: Path, stop: threading.Event) -> None:
        with AudioReader(file) as reader:
            pipeline = Pipeline(reader.format, config)
            bar = tqdm(total=reader.n_samples, unit="sample", unit_scale=True, desc=file.name, leave=None)
            with bar, StemWriter(folder, pipeline.targets, reader.format, skip=pipeline.latency) as stems:
                report = stream_file(reader, pipeline, stems=stems, stop=stop, on_progress=lambda now: _move(bar, now))
            if report.missing:
                bar.write(f"collaparte: {file}: {report.missing} samples that its header promises are missing")

    return separate


def by_whole_file(config: HpssConfig) -> Separate:
    """Separate by kernel back-fitting over the whole file at once."""

    def separate(file: Path, folder: Path, stop: threading.Event) -> None:
        with AudioReader(file) as reader:
            stems = backfitting.separate_whole(reader.read(), reader.format.sample_rate, config)
            with StemWriter(folder, config.targets, reader.format) as writer:
                writer.write(stems)

    return separate


def _move(bar: tqdm, now: int) -> None:
    bar.update(now - bar.n)
