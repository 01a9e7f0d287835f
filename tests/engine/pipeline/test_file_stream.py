"""File to file: what comes out lines up, ends where the input ends, and nothing is lost on the way."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.audio.files import AudioReader, StemWriter
from engine.core.events import Dropout, Event
from engine.pipeline.file_stream import stream_file
from engine.pipeline.pipeline import Pipeline, PipelineConfig


@pytest.fixture
def noise_file(tmp_path: Path) -> Path:
    path = tmp_path / "noise.wav"
    noise = 0.1 * np.random.default_rng(2).standard_normal((50_001, 2))
    soundfile.write(path, noise.astype(np.float32), 44100, "FLOAT")
    return path


def test_pass_through_is_the_input(noise_file: Path, tmp_path: Path) -> None:
    with AudioReader(noise_file) as reader:
        pipeline = Pipeline(reader.format, PipelineConfig())
        with StemWriter(tmp_path / "out", pipeline.targets, reader.format, skip=pipeline.latency) as stems:
            report = stream_file(reader, pipeline, stems=stems)
    written, _ = soundfile.read(tmp_path / "out" / "input.wav", dtype="float32")
    expected, _ = soundfile.read(noise_file, dtype="float32")
    assert np.array_equal(written, expected)
    assert report.n_samples == 50_001 and not report.stopped


def test_stop_keeps_what_was_done(noise_file: Path, tmp_path: Path) -> None:
    stop = threading.Event()
    with AudioReader(noise_file) as reader:
        pipeline = Pipeline(reader.format, PipelineConfig())
        with StemWriter(tmp_path / "out", pipeline.targets, reader.format, skip=pipeline.latency) as stems:
            report = stream_file(reader, pipeline, stems=stems, stop=stop, on_progress=lambda now: stop.set())
    assert report.stopped and report.n_samples == 8192
    assert soundfile.info(str(tmp_path / "out" / "input.wav")).frames == 8192


def test_truncation_is_an_event(tmp_path: Path) -> None:
    whole, short = tmp_path / "whole.flac", tmp_path / "short.flac"
    soundfile.write(whole, 0.1 * np.random.default_rng(3).standard_normal(100_000), 44100)
    short.write_bytes(whole.read_bytes()[:80_000])
    events: list[Event] = []
    with AudioReader(short) as reader:
        report = stream_file(reader, Pipeline(reader.format, PipelineConfig()), on_event=events.append)
    assert [type(event) for event in events] == [Dropout]
    assert report.missing == 100_000 - report.n_samples > 0
