"""What a session is asked for, and what it tells: settings, status, report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from engine.audio.devices import Device
from engine.core.config import require
from engine.core.errors import ConfigError
from engine.pipeline.pipeline import PipelineConfig
from engine.realtime.messages import Latency

__all__ = ["Counts", "SessionConfig", "SessionReport", "SessionStatus"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionConfig:
    """One session.

    source: a device or an audio file; sink: a device, or None to play nothing (a file then wants
    `engine.pipeline.file_stream.stream_file`). Both devices on one backend.
    pipeline: what to do with the input; sample_rate: of the pipeline, 1,000 to 384,000 Hz, None for the source's own.
    record_to: directory for the stems; events_to: file for the events, `-` for standard output.
    gains: loudness of each target in the sink, 0 to 16; targets not named play at 1.
    block: samples asked from PortAudio, 0 to 16,384, 0 for the device's own; JACK's server decides by itself.
    slack_ms: 0 to 1,000, what stands ready in the output beyond the least, for a late scheduler; it is latency. None:
    10 ms, or a block where that is longer, so that two callbacks at once, as after a stall, find their output.
    fifo_priority: SCHED_FIFO for the hop thread, 1 to 89, 0 for none. duration_s: 0 for no end.
    restart: when the device goes away, wait for it and go on.
    """

    source: Device | Path
    sink: Device | None = None
    pipeline: PipelineConfig = field(default_factory=PipelineConfig)
    sample_rate: int | None = None
    record_to: Path | None = None
    events_to: str | None = None
    gains: Mapping[str, float] = field(default_factory=dict)
    block: int = 0
    slack_ms: float | None = None
    fifo_priority: int = 50
    duration_s: float = 0.0
    restart: bool = True

    def __post_init__(self) -> None:
        if self.sample_rate is not None:
            require("sample_rate", self.sample_rate, 1000, 384_000)
        require("block", self.block, 0, 16_384)
        if self.slack_ms is not None:
            require("slack_ms", self.slack_ms, 0, 1000)
        require("fifo_priority", self.fifo_priority, 0, 89)
        require("duration_s", self.duration_s, 0, 1e9)
        for name, gain in self.gains.items():
            require(f"gain of {name}", gain, 0, 16)
        self._check_ends()

    def _check_ends(self) -> None:
        if not isinstance(self.source, Device):
            if self.sink is None:
                raise ConfigError("session", expected="a device", got="file to file", remedy="use stream_file")
            return
        if self.sink is None:
            return
        if self.sink.backend != self.source.backend:
            both = f"{self.source.backend} and {self.sink.backend}"
            raise ConfigError("session", expected="both devices on one backend", got=both)
        if self.source.n_channels not in (1, self.sink.n_channels):
            got = f"{self.source.n_channels} in, {self.sink.n_channels} out"
            raise ConfigError("session", expected="as many channels out as in, or 1 in", got=got)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What happened so far; samples at the device's rate unless said.

    n_samples: input through the pipeline, at its rate; n_callbacks, n_xruns: JACK's; n_flags: callbacks in which
    PortAudio told of an under- or overflow; n_underflows, missing: callbacks without their output, and the samples;
    skipped: of those, dropped when they came late; n_overflows, lost: callbacks whose input found no room, and the
    samples; non_finite: numbers replaced; unrecorded: samples that the disk was too slow for; unsent: events lost;
    cpu_s: of the engine processes.
    """

    n_samples: int = 0
    n_callbacks: int = 0
    n_xruns: int = 0
    n_flags: int = 0
    n_underflows: int = 0
    missing: int = 0
    skipped: int = 0
    n_overflows: int = 0
    lost: int = 0
    non_finite: int = 0
    unrecorded: int = 0
    unsent: int = 0
    cpu_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStatus:
    """How it stands: state is `starting`, `running`, `waiting` (for the device) or `stopped`.

    message: one line when there is something new to say, else empty; latency: None until sound runs.
    level: peak of the input, 0 to 1 of full scale, falling by half in 0.2 s.
    """

    state: str
    message: str = ""
    now: int = 0
    latency: Latency | None = None
    counts: Counts = field(default_factory=Counts)
    level: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionReport:
    """How it went.

    n_samples: of the input clock, gaps included, at `sample_rate` (Hz); targets: none, and latency: None, where it was
    stopped before the device opened; gaps: samples in which the device was gone;
    fifo: `granted`, or why not; recording_error: why recording or event file ended early, else empty;
    ended: `stopped`, `file` (at its end) or `device` (gone, and no restart wanted).
    """

    n_samples: int
    sample_rate: int
    targets: tuple[str, ...]
    latency: Latency | None
    counts: Counts
    n_restarts: int
    gaps: int
    fifo: str
    recording_error: str
    ended: str
