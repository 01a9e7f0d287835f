"""What the main process and the engine process say to each other: pickled dataclasses, one after another on a pipe."""

from __future__ import annotations

from dataclasses import dataclass

from engine.audio.devices import Device, Source
from engine.core.errors import EngineError
from engine.core.format import AudioFormat
from engine.pipeline.pipeline import PipelineConfig

__all__ = ["Ended", "Failed", "Job", "Latency", "Opened", "Running", "Waiting"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """The declared way through, in samples of the device, part by part.

    device: what it says of itself, in and out; rings: what stands ready in the output ring; resampling: both ways;
    pipeline: of the processors.
    """

    sample_rate: int
    device: int
    rings: int
    resampling: int
    pipeline: int

    @property
    def total(self) -> int:
        """Samples from the device's input to its output."""
        return self.device + self.rings + self.resampling + self.pipeline

    @property
    def total_ms(self) -> float:
        """Milliseconds from the device's input to its output."""
        return 1000 * self.total / self.sample_rate

    def __str__(self) -> str:
        parts = f"device {self.device}, rings {self.rings}, resampling {self.resampling}, pipeline {self.pipeline}"
        return f"{self.total_ms:.1f} ms = {self.total} samples ({parts})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """All that an engine process needs to begin.

    source: a device, or a file; start: the sample of the file to begin at; sample_rate: of the pipeline, None for the
    source's own; block: asked from the device, 0 for its own; slack: see SessionConfig; wait: for a device that is
    not there yet; record: whether anyone reads the record ring; memory: descriptor of the shared memory.
    """

    source: Source
    sink: Device | None
    pipeline: PipelineConfig
    start: int
    sample_rate: int | None
    block: int
    slack_ms: float | None
    fifo_priority: int
    wait: bool
    record: bool
    memory: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """There is no device yet, for this reason."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The pipeline is built and warm, the device found; the shared memory may be laid out.

    audio: the pipeline's format; latency: the pipeline's, in its samples; device_rate: Hz.
    """

    audio: AudioFormat
    targets: tuple[str, ...]
    latency: int
    device_rate: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """Sound runs; sent again when the latency changes.

    fifo: `granted`, or why not; block: the device's, in samples; silence_s: without a callback, the device is gone.
    """

    latency: Latency
    fifo: str
    block: int
    silence_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The engine process gives up."""

    error: EngineError


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The stream was stopped, or its file is at the end; everything is in the rings."""
