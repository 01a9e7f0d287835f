"""Define the messages between main process and engine process: pickled dataclasses, in sequence on a pipe."""

from __future__ import annotations

from dataclasses import dataclass

from engine.audio.devices import Device, Source
from engine.core.errors import EngineError
from engine.core.format import AudioFormat
from engine.pipeline.pipeline import PipelineConfig

__all__ = ["ChangeScore", "Compiling", "Ended", "Failed", "Job", "Latency", "Opened", "Running", "Unchanged", "Waiting"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Declared latency by part, in samples of the device.

    sample_rate: of the device, Hz
    device: as the device reports it, input plus output
    rings: silence that the output ring is filled with, so that playback never finds it empty; without an output, what
        an accompaniment's notes need to reach their port
    resampling: both directions
    pipeline: latency of the stems, converted to the device's rate
    """

    sample_rate: int
    device: int
    rings: int
    resampling: int
    pipeline: int

    @property
    def total(self) -> int:
        """Return the samples from the device's input to its output."""
        return self.device + self.rings + self.resampling + self.pipeline

    @property
    def to_output(self) -> int:
        """Return the samples from the device's input to the ports that play, without what lies behind them."""
        return self.total - self.device

    @property
    def total_ms(self) -> float:
        """Return the milliseconds from the device's input to its output."""
        return 1000 * self.total / self.sample_rate

    def __str__(self) -> str:
        parts = f"device {self.device}, rings {self.rings}, resampling {self.resampling}, pipeline {self.pipeline}"
        return f"{self.total_ms:.1f} ms = {self.total} samples ({parts})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Everything that an engine process needs to start.

    source: a device, or a file
    sink: the output device, None for no playback
    pipeline: settings of the pipeline
    start: first sample of the file to read
    sample_rate: of the pipeline, Hz; None for the source's own
    block: requested from the device, samples; 0 for its own
    slack_ms, fifo_priority: see SessionConfig
    wait: whether to wait for a device that is missing
    record: whether the record ring is read
    memory: file descriptor of the shared memory
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
class ChangeScore:
    """Ask a running engine to follow and play another score; see `Pipeline.prepare`."""

    pipeline: PipelineConfig
    quarter: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiling:
    """Report that kernels are being compiled, which takes longer than a start does otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Report that there is no device yet, with the reason."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """Report that the pipeline is built and warm and the device found, so that the shared memory can be laid out.

    audio: the pipeline's format
    targets: names of the stems, in order
    latency: the pipeline's, in its samples
    device_rate: Hz
    """

    audio: AudioFormat
    targets: tuple[str, ...]
    latency: int
    device_rate: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """Report that audio is running; sent again when the latency changes.

    latency: the declared latency
    fifo: `granted`, or why not
    block: the device's, in samples
    silence_s: seconds without a callback after which the device counts as disconnected
    """

    latency: Latency
    fifo: str
    block: int
    silence_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """Report that the engine process cannot continue."""

    error: EngineError


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged:
    """Report that another score could not be built; the engine goes on in the one it has."""

    error: EngineError


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """Report that the stream was stopped or its file has ended, and that all output is in the rings."""
