"""Control one engine process from start to end, from the main process."""

from __future__ import annotations

import pickle
import time
from collections.abc import Iterator

from engine.core.errors import EngineError
from engine.core.events import Event
from engine.core.kernel_cache import COMPILING
from engine.core.shared_memory import Counter, Layout, SharedMemory
from engine.realtime.messages import ChangeScore, Compiling, Ended, Failed, Job, Opened, Running, Unchanged, Waiting
from engine.realtime.session_types import Counts
from engine.realtime.states import EngineState, Signal, next_engine_state
from engine.realtime.subprocess_link import EngineProcess, Watchdog

__all__ = ["EngineHandle"]

RECORD_S = 10.0  # seconds of stems that the record ring can hold until they are written to disk
MAX_RECORD_BYTES = 256 << 20
EVENT_BYTES = 1 << 20
DRAIN_S = 0.5  # seconds for a stopped engine to write its remaining output to the rings
LEAVE_S = 0.8  # seconds for it to close its device
NAP_S = 0.005
QUIET_S = 0.02  # without a callback, after which a killed process is looked for


class EngineHandle:
    """Control one engine process.

    state: see `engine.realtime.states`
    opened, running: the messages of that name, None before they arrive
    waiting: why it waits for a device, else empty
    error: why it failed
    compiling: says that its start takes longer for kernels that are compiled, else empty
    unchanged: why it did not go on in another score, else empty
    seen_s: time of the device's last sign of life, seconds on the monotonic clock
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.state = EngineState.OPENING
        self.opened: Opened | None = None
        self.running: Running | None = None
        self.memory: SharedMemory | None = None
        self.waiting = self.unchanged = self.compiling = ""
        self.error: EngineError | None = None
        self.seen_s = time.monotonic()
        self._watchdog: Watchdog | None = None
        self._n_callbacks = 0
        self._process = EngineProcess(job)

    def allocate(self, gains: list[float]) -> SharedMemory:
        """Size the shared memory from the engine's `Opened` message, and let the engine continue."""
        assert self.opened is not None
        width = len(self.opened.targets) * self.opened.audio.n_channels
        rows = min(int(RECORD_S * self.opened.audio.sample_rate), MAX_RECORD_BYTES // (4 * width))
        layout = Layout(record_rows=rows if self.job.record else 1, record_width=width, event_bytes=EVENT_BYTES)
        self.memory = SharedMemory(self.job.memory, layout, create=True)
        self.memory.gains[: len(gains)] = gains
        self._process.send(layout)
        self._move(Signal.ALLOCATED)
        return self.memory

    def change_score(self, message: ChangeScore) -> None:
        """Have a running engine follow and play another score; returns when it has taken it."""
        self._process.send(message)

    def poll(self) -> EngineState:
        """Read messages and check the callback counter; return the state."""
        while not self.state.final and (message := self._process.receive()) is not None:
            self._take(message)
        if self.state is EngineState.RUNNING and self._device_gone():
            assert self.memory is not None
            self._move(Signal.PLAYED_OUT if self.memory[Counter.ENDED] else Signal.DEVICE_GONE)
        elif self.state is EngineState.RUNNING and time.monotonic() - self.seen_s > QUIET_S and self._process.dying:
            self._move(Signal.CRASHED)
        elif not self.state.final and self._process.ended:
            self.error = self._process.crash()
            self._move(Signal.CRASHED)
        return self.state

    def _move(self, signal: Signal) -> None:
        self.state = next_engine_state(self.state, signal)

    def _take(self, message: object) -> None:
        match message:
            case Waiting():
                self._move(Signal.WAITING)
                self.waiting = message.reason
            case Compiling():
                self.compiling = COMPILING * (self.running is None)
            case Opened():
                self._move(Signal.OPENED)
                self.opened, self.waiting = message, ""
            case Running():
                self._move(Signal.RUNNING)
                self.running, self.waiting, self.compiling = message, "", ""
                self._watchdog = Watchdog(message.silence_s, message.block / message.latency.sample_rate)
            case Unchanged():
                self.unchanged = str(message.error)
            case Failed():
                self._move(Signal.FAILED)
                self.error = message.error
            case Ended():
                self._move(Signal.ENDED)

    def _device_gone(self) -> bool:
        assert self.memory is not None and self._watchdog is not None
        now_s, count = time.monotonic(), self.memory[Counter.CALLBACKS]
        if count != self._n_callbacks:
            self._n_callbacks, self.seen_s = count, now_s
        if self.memory[Counter.ENDED] > 1:
            return False
        return self._watchdog.look(count, now_s) or bool(self.memory[Counter.SHUTDOWN])

    def events(self) -> Iterator[Event]:
        """Return the pending events, on the clock of this run."""
        while self.memory is not None and (record := self.memory.events.read()) is not None:
            yield pickle.loads(record)

    def nap(self, seconds: float, look_s: float) -> None:
        """Sleep, but not longer than until there are events, for which is looked every `look_s`."""
        time.sleep(look_s)
        if self.memory is None:
            time.sleep(seconds - look_s)
        else:
            self.memory.events.await_record(round(seconds / look_s) - 1, round(1e6 * look_s))

    @property
    def level(self) -> float:
        """Return the peak level of the input, 0 to 1 of full scale, with a slow decay."""
        return 0.0 if self.memory is None else self.memory[Counter.LEVEL] * 1e-6

    def counts(self) -> Counts:
        """Return the counts of this run so far."""
        if (counters := self.memory) is None:
            return Counts()
        return Counts(
            n_samples=counters[Counter.CONSUMED],
            n_callbacks=counters[Counter.CALLBACKS],
            n_xruns=counters[Counter.N_XRUNS],
            n_flags=counters[Counter.FLAGS],
            n_underflows=counters[Counter.N_UNDERFLOWS],
            missing=counters[Counter.MISSING],
            skipped=counters[Counter.SKIPPED],
            n_overflows=counters[Counter.N_OVERFLOWS],
            lost=counters[Counter.LOST],
            left_out=counters[Counter.LEFT_OUT],
            non_finite=counters[Counter.NON_FINITE],
            unrecorded=counters[Counter.UNRECORDED],
            unsent=counters[Counter.UNSENT],
            cpu_s=counters[Counter.CPU_US] * 1e-6,
        )

    def finish(self) -> None:
        """Stop the engine, let all output reach the rings, end the process; takes at most 1.3 s, even if it hangs."""
        if self.memory is not None and self.running is not None:
            self.memory[Counter.STOP] = 1
            memory = self.memory
            self._wait(lambda: memory[Counter.ENDED] > 0, DRAIN_S)
            if self.state is not EngineState.LOST:
                self._wait(lambda: False, LEAVE_S)
        self._process.kill()

    def _wait(self, ready: object, limit_s: float) -> None:
        deadline = time.monotonic() + limit_s
        assert callable(ready)
        while not ready() and not self._process.ended and time.monotonic() < deadline:
            time.sleep(NAP_S)
