"""Stream a file through the live pipeline to files, as fast as possible, in one process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.audio.files import BLOCK, AudioReader, StemWriter
from engine.core.events import Dropout, Event
from engine.core.flush import flush
from engine.pipeline.pipeline import Pipeline

__all__ = ["StreamReport", "stream_file"]

FLUSH_BLOCK = 1024  # samples of silence at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamReport:
    """Result of streaming a file.

    n_samples: read from the file
    missing: declared by its header and not present
    shortfall: what is to say of a file that was cut off; empty if it is whole
    latency: of the pipeline, in samples
    stopped: whether it was asked to stop before the end
    """

    n_samples: int
    missing: int
    shortfall: str
    latency: int
    stopped: bool


def stream_file(
    reader: AudioReader,
    pipeline: Pipeline,
    *,
    stems: StemWriter | None = None,
    on_event: Callable[[Event], None] = lambda event: None,
    on_progress: Callable[[int], None] = lambda now: None,
    stop: threading.Event | None = None,
    block: int = BLOCK,
) -> StreamReport:
    """Stream a whole file through a pipeline, then as much silence as its latency needs.

    stems: writes the separated audio, aligned with the input
    on_event: called with every event whose time lies within the file
    on_progress: called with the number of samples read
    stop: set it to end early; all results so far are kept
    """
    drive = _Drive(pipeline, stems, on_event)
    n_read, stopped = 0, False
    for part in reader.blocks(block):
        if stop is not None and stop.is_set():
            stopped = True
            break
        drive.step(part)
        n_read += len(part)
        on_progress(n_read)
    if reader.is_cut and not stopped:
        on_event(Dropout(at=n_read, emitted_at=n_read, samples=reader.missing, where=str(reader.path)))
    drive.flush(n_read, reader.format.n_channels)
    return StreamReport(
        n_samples=n_read,
        missing=reader.missing,
        shortfall="" if stopped else reader.shortfall,
        latency=pipeline.latency,
        stopped=stopped,
    )


class _Drive:
    """Connect a pipeline to a source of blocks and its sinks."""

    def __init__(self, pipeline: Pipeline, stems: StemWriter | None, on_event: Callable[[Event], None]) -> None:
        self.pipeline, self.stems, self.on_event = pipeline, stems, on_event

    def step(self, part: npt.NDArray[np.float32], end: int | None = None) -> None:
        """Process one block; write its stems up to sample `end`, pass on its events before `end`."""
        out = self.pipeline.process(part)
        if self.stems is not None:
            self.stems.write(out.stems, end=end)
        for event in out.events:
            if end is None or event.at < end:
                self.on_event(event)

    def flush(self, n_read: int, n_channels: int) -> None:
        """Feed silence until the last sample read has come out."""
        silence = np.zeros((FLUSH_BLOCK, n_channels), np.float32)

        def done() -> bool:
            return self.stems is not None and self.stems.n_written >= n_read

        for block in flush(silence, done, latency=self.pipeline.latency, lag=self.pipeline.lag):
            self.step(block, end=n_read)
