"""Run a session: device or file in; playback, stems and events out.

The pipeline runs in a process of its own; the session continues when its device disconnects and returns.
"""

from __future__ import annotations

import math
import os
import pickle
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import fields, replace
from pathlib import Path

from engine.audio.devices import is_file
from engine.audio.event_log import EventWriter
from engine.audio.files import StemWriter, read_shortfall
from engine.core.errors import AudioFileError, ConfigError, DeviceError
from engine.core.events import Accompanied, Control, Cue, Dropout, Event, Note
from engine.core.orders import GoTo, Order
from engine.core.shared_memory import SharedMemory, anonymous_file
from engine.pipeline.pipeline import PipelineConfig, exchangeable
from engine.realtime.device_clock import DeviceClock
from engine.realtime.engine_handle import EngineHandle
from engine.realtime.losses import LossAccount
from engine.realtime.messages import ChangeScore, Job, Latency, Opened
from engine.realtime.recorder import Recorder
from engine.realtime.session_types import Counts, SessionConfig, SessionReport, SessionStatus
from engine.realtime.signals import stopped_by_signals
from engine.realtime.states import EngineState, SessionEnd, SessionState, next_session_state

__all__ = ["Session", "SessionConfig", "SessionReport", "SessionStatus"]

NAP_S = 0.01
SHORT_NAP_S = 0.002  # between two looks for events, where notes wait to be played, and cues to act
STATUS_S = 0.1
AGAIN_S = 0.5  # seconds between two attempts to start an engine process
AHEAD = (Note, Control, Accompanied, Cue)  # events that speak of what will sound: never held back

OnEvent = Callable[[Event], None]
OnStatus = Callable[[SessionStatus], None]


class Session:
    """A session that runs once; audio, threads and processes exist only during `run`."""

    def __init__(self, config: SessionConfig) -> None:
        self.config = config
        self._gains = dict(config.gains)
        self._targets: tuple[str, ...] = ()
        self._memory: SharedMemory | None = None
        self._orders: dict[tuple[type, str], Order] = {}  # that hold for every engine process
        self._lock = threading.Lock()  # of whoever controls it, against a change of the memory
        self.clock: DeviceClock | None = None  # of the engine process that runs; None while none does
        self.engine: EngineHandle | None = None  # while its audio runs

    def set_gain(self, target: str, gain: float) -> None:
        """Set the gain of a target in the sink, from the next block on; ConfigError for an unknown target."""
        if self._targets and target not in self._targets:
            raise ConfigError("gain", expected="one of " + ", ".join(self._targets), got=repr(target))
        with self._lock:
            self._gains[target] = gain
            if self._memory is not None:
                self._memory.gains[self._targets.index(target)] = gain

    def go_to(self, quarter: float) -> None:
        """Follow from this quarter of the score: wait there for what is played."""
        self.order(GoTo(quarter))

    def order(self, order: Order) -> None:
        """Have the pipeline obey an order before its next block; what lasts also holds after a restart of the engine.

        ConfigError if more is asked for than can be passed on.
        """
        with self._lock:
            if not isinstance(order, GoTo):
                self._orders[type(order), getattr(order, "part", getattr(order, "label", ""))] = order
            if self._memory is not None and not self._memory.orders.write(pickle.dumps(order)):
                raise ConfigError("session", expected="orders that the engine can take", got="too many at once")

    def change_score(self, pipeline: PipelineConfig, quarter: float) -> bool:
        """Follow and play another score by the same settings, without a break; return whether that is possible.

        pipeline: as that of the session, but for score, accompaniment, attendants and loop
        quarter: where to go on, of the whole score
        """
        engine = self.engine
        if engine is None or not exchangeable(self.config.pipeline, pipeline):
            return False
        self.config = replace(self.config, pipeline=pipeline)
        engine.change_score(ChangeScore(pipeline=pipeline, quarter=quarter))
        return True

    def levels(self) -> dict[str, float]:
        """Return the peak of each target, 0 to 1 of full scale, falling by half in 0.2 s; empty before it runs."""
        memory = self._memory
        return {} if memory is None else dict(zip(self._targets, memory.levels.tolist(), strict=False))

    @property
    def targets(self) -> tuple[str, ...]:
        """Return the names of the stems, in order; empty before the pipeline is built."""
        return self._targets

    def gains(self, targets: tuple[str, ...]) -> list[float]:
        """Return the gains in the order of the targets."""
        self._targets = targets
        for name in self._gains:
            self.set_gain(name, self._gains[name])  # raises ConfigError for an unknown target
        return [self._gains.get(name, 1.0) for name in targets]

    def run(
        self,
        on_event: OnEvent = lambda event: None,
        on_status: OnStatus = lambda status: None,
        stop: threading.Event | None = None,
    ) -> SessionReport:
        """Run until the file ends, `duration_s` is reached, or `stop`, ctrl-C or SIGTERM; all files are then complete.

        on_event, on_status: called in this thread; an exception they raise ends the session and is passed on
        EngineError if the device is missing at the start, or the pipeline fails.
        """
        stop = stop or threading.Event()
        with stopped_by_signals(stop), SessionRun(self, on_event, on_status, stop) as course:
            return course.run()

    def allocate(self, run: EngineHandle, opened: Opened) -> None:
        """Give a run its shared memory, with the gains in it."""
        gains = self.gains(opened.targets)
        with self._lock:
            self._memory = run.allocate(gains)
            for order in self._orders.values():
                self._memory.orders.write(pickle.dumps(order))


class SessionRun:
    """Run the engine processes of one session in sequence on one clock, and write its files."""

    def __init__(self, session: Session, on_event: OnEvent, on_status: OnStatus, stop: threading.Event) -> None:
        self._session = session
        self._on_event, self._on_status, self._stop = on_event, on_status, stop
        self._files = ExitStack()
        self._state = SessionState.STARTING
        self._opened: Opened | None = None
        self._latency: Latency | None = None
        self._fifo = ""
        self._recorder: Recorder | None = None
        self._skipped = 0  # samples before the first of the recording
        self._event_file: EventWriter | None = None
        self._event_error = self._shortfall = ""
        self._held: deque[Event] = deque()  # of a file, not heard yet
        self._base: int | None = 0  # the input sample at which the current run began; None: not known yet
        self._end = self._gaps = self._n_restarts = 0
        self._seen_s = self._reported_s = 0.0
        self._reported_message = ""
        self._past, self._losses = Counts(), LossAccount()

    @property
    def _config(self) -> SessionConfig:
        return self._session.config

    def __enter__(self) -> SessionRun:
        descriptor = anonymous_file()
        self._files.callback(os.close, descriptor)
        self._descriptor = descriptor
        return self

    def __exit__(self, *error: object) -> None:
        self._files.close()

    def run(self) -> SessionReport:
        """Run one engine process after another until the session ends."""
        self._status(SessionState.STARTING)
        while (end := self._serve()) is SessionEnd.DEVICE and self._config.restart and not self._stop.is_set():
            self._n_restarts += 1
        if end is SessionEnd.FILE and isinstance(self._config.source, Path):
            self._report_shortfall(self._config.source)
        self._report_gaps(self._end, at_end=True)
        self._files.close()
        self._status(SessionState.STOPPED)
        if end is SessionEnd.DEVICE and self._stop.is_set():
            end = SessionEnd.STOPPED
        return self._report(end)

    def _serve(self) -> SessionEnd:
        """Run one engine process; return why it ended, DEVICE also if none could be opened again."""
        run = EngineHandle(self._job())
        try:
            end = self._attend(run)
        finally:
            self._session.engine = None
            run.finish()
            self._settle(run)
            self._session.clock = None
        if run.state is not EngineState.FAILED:
            return end
        assert run.error is not None
        if self._latency is None or not isinstance(run.error, DeviceError):
            raise run.error
        self._stop.wait(AGAIN_S)
        return SessionEnd.DEVICE

    def _job(self) -> Job:
        config = self._config
        return Job(
            source=config.source,
            sink=config.sink,
            pipeline=config.pipeline,
            start=self._end if is_file(config.source) else 0,
            sample_rate=self._opened.audio.sample_rate if self._opened else config.sample_rate,
            block=config.block,
            slack_ms=config.slack_ms,
            fifo_priority=config.fifo_priority,
            wait=self._latency is not None,
            record=config.record_to is not None,
            memory=self._descriptor,
        )

    def _attend(self, run: EngineHandle) -> SessionEnd:
        """Poll a run until it ends, is lost or fails, or the session has to stop."""
        while not self._stop.is_set():
            state = run.poll()
            if state is EngineState.OPENED:
                self._open(run)
            if run.running is not None:
                self._pump(run)
            if state is EngineState.LOST:
                message = "the device is gone" + "; waiting for it" * self._config.restart
                self._status(SessionState.WAITING, message, run)
            if state.final:
                return SessionEnd.FILE if state is EngineState.ENDED else SessionEnd.DEVICE
            self._report_status(run)
            if 0 < self._config.duration_s <= self._seconds(run):
                break
            run.nap(NAP_S, SHORT_NAP_S if self._hurries else NAP_S)
        return SessionEnd.STOPPED

    @property
    def _hurries(self) -> bool:
        pipeline = self._config.pipeline
        return pipeline.accompany is not None or bool(pipeline.attendants)

    def _seconds(self, run: EngineHandle) -> float:
        n = (self._base or 0) + run.counts().n_samples
        return n / self._opened.audio.sample_rate if self._opened else 0.0

    def _open(self, run: EngineHandle) -> None:
        """Lay out the memory for the engine's format and, the first time, open the files."""
        opened = run.opened
        assert opened is not None
        if self._opened is None:
            self._opened = opened
            self._open_files(opened)
            if self._recorder is not None:
                self._recorder.line_up(0)
        else:
            self._base = self._end if is_file(self._config.source) else None
        self._session.allocate(run, opened)
        if self._recorder is not None and self._base is not None and run.memory is not None:
            self._recorder.line_up(self._base)
            self._recorder.attach(run.memory)

    def _open_files(self, opened: Opened) -> None:
        config = self._config
        if config.record_to is not None:
            self._skipped = opened.latency
            writer = StemWriter(config.record_to, opened.targets, opened.audio, skip=self._skipped)
            self._recorder = Recorder(writer, len(opened.targets), opened.audio.n_channels)
            self._files.callback(self._recorder.close)
        if config.events_to is not None:
            self._event_file = self._files.enter_context(EventWriter(config.events_to, opened.audio.sample_rate))

    def _pump(self, run: EngineHandle) -> None:
        """Pass on the events and status of a run whose audio is running."""
        assert run.running is not None
        if self._latency != run.running.latency:
            changed, self._latency, self._fifo = self._latency is not None, run.running.latency, run.running.fifo
            self._status(SessionState.RUNNING, f"latency {'now ' if changed else ''}{self._latency}", run)
        if self._base is None:
            self._find_base(run)
        if self._base is not None:
            self._set_clock(run, self._base)
            self._session.engine = run
            for event in run.events():
                self._losses.take(event)
                self._hold(event, self._base)
            self._release(self._heard())
            for loss in self._losses.unsent(run.counts()):
                self._emit(loss, self._base)
            self._report_gaps(self._base + run.counts().n_samples)

    def _hold(self, event: Event, base: int) -> None:
        """Emit an event, or keep it until the sample at which it could be emitted is heard."""
        if self._config.as_heard and is_file(self._config.source) and not isinstance(event, AHEAD):
            self._held.append(event)
        else:
            self._emit(event, base)

    def _heard(self) -> int:
        """Return the sample that is taken or heard now."""
        clock = self._session.clock
        return 0 if clock is None else clock.now()

    def _release(self, until: float) -> None:
        """Emit what has been heard up to a sample."""
        base = self._base or 0
        while self._held and self._held[0].emitted_at + base <= until:
            self._emit(self._held.popleft(), base)

    def _set_clock(self, run: EngineHandle, base: int) -> None:
        assert self._opened is not None and self._latency is not None and run.memory is not None
        rate = self._opened.audio.sample_rate
        self._session.clock = DeviceClock(memory=run.memory, base=base, sample_rate=rate, latency=self._latency)

    def _find_base(self, run: EngineHandle) -> None:
        """Advance the clock over a gap by the time without a device, up to the first sample of this run."""
        assert self._opened is not None and run.memory is not None
        rate, n = self._opened.audio.sample_rate, run.counts().n_samples
        if n == 0:
            return
        gap = max(0, round((time.monotonic() - self._seen_s) * rate) - n)
        self._base = self._end + gap
        self._gaps += gap
        if self._recorder is not None:
            self._recorder.line_up(self._base)
            self._recorder.attach(run.memory)
        self._emit(Dropout(at=self._end, emitted_at=self._base, samples=gap, where="device"), 0)

    def _report_gaps(self, now: int, *, at_end: bool = False) -> None:
        """Emit a Dropout event for what was lost to a full disk."""
        for gap in () if self._recorder is None else self._recorder.gaps(at_end=at_end):
            at = max(0, gap.start - self._skipped)
            self._emit(Dropout(at=at, emitted_at=now, samples=len(gap), where="recording"), 0)

    def _report_shortfall(self, path: Path) -> None:
        """Emit a Dropout event if the file that was played had been cut off."""
        self._shortfall, missing = read_shortfall(path)
        if self._shortfall:
            self._emit(Dropout(at=self._end, emitted_at=self._end, samples=missing, where=str(path)), 0)

    def _emit(self, event: Event, base: int) -> None:
        """Convert an event to the session's clock, write it to the file, and emit it."""
        event = replace(event, at=event.at + base, emitted_at=event.emitted_at + base)
        if self._event_file is not None and not self._event_error:
            try:
                self._event_file.write(event)
            except AudioFileError as error:
                self._event_error = str(error)
            except BrokenPipeError:
                if self._config.sink is None and self._recorder is None:
                    raise  # nobody is left who wants anything
                self._event_error = "the reader of the events has left"
        self._on_event(event)

    def _settle(self, run: EngineHandle) -> None:
        """Read the remaining output of an ended run, and store the position of the clock."""
        if run.running is not None and self._base is None:
            self._find_base(run)
        if run.running is not None and self._base is not None:
            self._pump(run)
            for loss in self._losses.untold(run.counts()):
                self._emit(loss, self._base)
            if run.state is EngineState.ENDED:
                self._release(math.inf)
            self._end = self._base + run.counts().n_samples
            self._seen_s = run.seen_s
        if self._recorder is not None:
            self._recorder.detach()
        self._past, self._losses = _sum(self._past, run.counts()), LossAccount()

    @property
    def _recording_error(self) -> str:
        return (self._recorder.error if self._recorder else "") or self._event_error

    def _report_status(self, run: EngineHandle) -> None:
        """Report the status at intervals, and at once when something has changed."""
        message = self._recording_error or run.waiting or run.compiling or run.unchanged
        news = message != self._reported_message
        if news or time.monotonic() - self._reported_s >= STATUS_S:
            self._reported_message = message
            self._status(_seen(run), message if news else "", run)

    def _status(self, state: SessionState, message: str = "", run: EngineHandle | None = None) -> None:
        self._state = next_session_state(self._state, state)
        counts = _sum(self._past, run.counts()) if run else self._past
        base = self._end if self._base is None else self._base
        now = base + run.counts().n_samples if run else self._end
        if self._config.as_heard and run:
            now = min(now, self._heard())
        self._reported_s = time.monotonic()
        level = run.level if run else 0.0
        self._on_status(
            SessionStatus(state=state, message=message, now=now, latency=self._latency, counts=counts, level=level)
        )

    def _report(self, ended: SessionEnd) -> SessionReport:
        opened = self._opened
        unrecorded = self._past.unrecorded + (self._recorder.n_missed if self._recorder else 0)
        return SessionReport(
            n_samples=self._end,
            sample_rate=opened.audio.sample_rate if opened else self._config.sample_rate or 0,
            targets=opened.targets if opened else (),
            latency=self._latency,
            counts=replace(self._past, unrecorded=unrecorded),
            n_restarts=self._n_restarts,
            gaps=self._gaps,
            fifo=self._fifo,
            recording_error=self._recording_error,
            shortfall=self._shortfall,
            ended=ended,
        )


def _seen(run: EngineHandle) -> SessionState:
    """Return the session state that a working engine process corresponds to."""
    if run.state is EngineState.RUNNING:
        return SessionState.RUNNING
    return SessionState.WAITING if run.waiting else SessionState.STARTING


def _sum(a: Counts, b: Counts) -> Counts:
    return Counts(**{field.name: getattr(a, field.name) + getattr(b, field.name) for field in fields(Counts)})
