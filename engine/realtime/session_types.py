"""Define a session's settings, status and report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field
from pathlib import Path

from engine.audio.devices import Device, Source, device_of
from engine.core.config import Settings, check, plain, ranged, require
from engine.core.errors import ConfigError
from engine.pipeline.pipeline import PipelineConfig
from engine.realtime.messages import Latency
from engine.realtime.states import SessionEnd, SessionState

__all__ = ["Counts", "SessionConfig", "SessionReport", "SessionStatus"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionConfig(Settings):
    """Settings of a session; both devices must have the same backend."""

    source: Source = plain(MISSING, "input device or audio file")
    sink: Device | None = plain(
        None,
        "output device, None for no playback; then use `engine.pipeline.file_stream.stream_file` for a file",
    )
    pipeline: PipelineConfig = plain(PipelineConfig, "processing of the input")
    sample_rate: int | None = ranged(
        None, 1000, 384_000, "sample rate of the pipeline, None for the source's own", unit="Hz"
    )
    record_to: Path | None = plain(None, "folder to write the stems to")
    events_to: str | None = plain(None, "file to write the events to, - for standard output")
    gains: Mapping[str, float] = plain(dict, "gains of targets in the output, 0 to 16; 1 for those not named")
    block: int = ranged(
        0,
        0,
        16_384,
        "block size to request from PortAudio, 0 for the device's own; JACK's server sets its own",
        unit="samples",
    )
    slack_ms: float | None = ranged(
        None,
        0,
        1000,
        "audio kept ready in the output beyond the minimum, in case a thread is scheduled late; it adds latency. None "
        "for 10 ms, or a block where that is longer, so that two callbacks in a row find their output",
        unit="ms",
    )
    fifo_priority: int = ranged(50, 0, 89, "SCHED_FIFO priority of the processing thread, 0 for none")
    duration_s: float = ranged(0.0, 0, 1e9, "time after which to stop, 0 for never", unit="s")
    as_heard: bool = plain(
        False, "emit what is found in a file when it is heard, as of a live input, and not up to a second before"
    )
    restart: bool = plain(True, "when the device disconnects, wait for it and continue")

    def __post_init__(self) -> None:
        check(self)
        for name, gain in self.gains.items():
            require(f"gain of {name}", gain, 0, 16)
        self._check_ends()

    def _check_ends(self) -> None:
        if (source := device_of(self.source)) is None:
            if self.sink is None:
                raise ConfigError("session", expected="a device", got="file to file", remedy="use stream_file")
        elif self.sink is not None:
            _check_pair(source, self.sink)


def _check_pair(source: Device, sink: Device) -> None:
    if sink.backend != source.backend:
        both = f"{source.backend} and {sink.backend}"
        raise ConfigError("session", expected="both devices on one backend", got=both)
    if source.n_channels not in (1, sink.n_channels):
        got = f"{source.n_channels} in, {sink.n_channels} out"
        raise ConfigError("session", expected="as many channels out as in, or 1 in", got=got)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Counts of what happened so far; samples are at the device's rate unless stated.

    n_samples: input samples processed by the pipeline, at its rate
    n_callbacks: callbacks of the device
    n_xruns: xruns that JACK reported
    n_flags: callbacks in which PortAudio reported an underflow or overflow
    n_underflows: callbacks with missing output
    missing: output samples that were missing
    skipped: of those, samples dropped because they came late
    n_overflows: callbacks with lost input
    lost: input samples for which the ring had no space
    left_out: samples for which JACK's server, itself too late, called nobody; the clock does not count them
    non_finite: invalid numbers replaced in the input
    unrecorded: samples not recorded because the disk was too slow, or full
    unsent: events lost
    cpu_s: processor time of the engine processes, seconds
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
    left_out: int = 0
    non_finite: int = 0
    unrecorded: int = 0
    unsent: int = 0
    cpu_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStatus:
    """Current status of a session.

    message: one line when something has changed, else empty
    latency: declared latency, None until audio runs
    level: peak of the input, 0 to 1 of full scale, falling by half in 0.2 s
    """

    state: SessionState
    message: str = ""
    now: int = 0
    latency: Latency | None = None
    counts: Counts = field(default_factory=Counts)
    level: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionReport:
    """Result of a session.

    n_samples: length on the input clock, gaps included, at `sample_rate`
    sample_rate: Hz
    targets: names of the stems; empty if the session was stopped before the device opened
    latency: declared latency; None if the session was stopped before the device opened
    gaps: samples during which the device was missing
    fifo: `granted`, or why not
    recording_error: why the recording or event file ended early, else empty, also if the disk was full meanwhile
    shortfall: what is to say of an input file that was cut off; empty if it was whole, or not played to its end
    ended: why the session ended; DEVICE only if no restart was requested
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
    shortfall: str
    ended: SessionEnd
