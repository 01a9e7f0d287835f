"""Run one session in the engine process.

Open the device, warm up the pipeline, run the processing thread, and exit without waiting for cleanup.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from engine.audio.devices import backend, device_of, is_file
from engine.audio.files import AudioReader
from engine.core.compiling import compiling_told
from engine.core.errors import DeviceError, EngineError
from engine.core.format import AudioFormat
from engine.core.shared_memory import Counter, Layout, SharedMemory
from engine.core.thread_priority import raise_priority
from engine.pipeline.pipeline import Pipeline
from engine.realtime.engine_stream import EngineStream
from engine.realtime.messages import Compiling, Ended, Failed, Job, Opened, Waiting
from engine.realtime.warm import warm

__all__ = ["run_engine_process"]

RETRY_S = 0.25  # seconds between attempts to open a missing device
BEAT_S = 0.02
CLOSE_S = 0.5  # seconds; PortAudio may hang forever in close
SWITCH_S = 0.0005  # seconds; the interpreter's switch interval: the processing thread must not wait for the main thread


class Pipe:
    """Exchange pickled messages with the main process; nothing else may be written to the same streams."""

    def __init__(self) -> None:
        self._in, self._out = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
        self._lock = threading.Lock()
        os.dup2(2, 1)  # libraries print to standard output

    def receive(self) -> Any:
        """Return the next message."""
        return pickle.load(self._in)

    def send(self, message: Any) -> None:
        """Send a message immediately."""
        with self._lock:
            pickle.dump(message, self._out)
            self._out.flush()


def run_engine_process() -> None:
    """Serve one session, then exit the process, even if something in it hangs."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.setswitchinterval(SWITCH_S)
    pipe = Pipe()
    code = 0
    try:
        with compiling_told(lambda: pipe.send(Compiling())):
            serve(pipe, pipe.receive())
    except EngineError as error:
        pipe.send(Failed(error=error))
        code = 1
    except (EOFError, BrokenPipeError):
        code = 2  # the main process has exited
    sys.stderr.flush()
    os._exit(code)


def serve(pipe: Pipe, job: Job) -> None:
    """Run the job."""
    parent = os.getppid()
    reader = AudioReader(job.source) if is_file(job.source) else None
    rate = job.sample_rate or (reader.format.sample_rate if reader else None)
    # Without a requested rate the device's own is used; otherwise the device, which may be missing, is opened last.
    device: Any = None if rate else find_device(pipe, job, rate)
    n_channels = reader.format.n_channels if reader else device_channels(job)
    rate = rate or device.sample_rate
    worker = ThreadPoolExecutor(1, "model worker")
    pipeline = Pipeline(AudioFormat(sample_rate=rate, n_channels=n_channels), job.pipeline, worker=worker)
    hop = warm(pipeline)
    device = device or find_device(pipe, job, rate)
    pipe.send(
        Opened(
            audio=pipeline.audio,
            targets=pipeline.targets,
            latency=pipeline.latency,
            device_rate=device.sample_rate,
        )
    )
    layout: Layout = pipe.receive()
    memory = SharedMemory(job.memory, layout)
    stream = EngineStream(job, device, pipeline, hop, memory)
    stream.start(pipe.send, reader)
    threading.Thread(target=take_changes, args=(pipe, stream, job.fifo_priority - 1), daemon=True, name="score").start()
    # The thread that holds the interpreter lock must not be preempted while the processing thread waits for it.
    raise_priority(job.fifo_priority - 1)
    watch(stream, memory, parent)
    if stream.hop.error is not None:
        raise as_engine_error(stream.hop.error)
    pipe.send(Ended())
    close(device)


def take_changes(pipe: Pipe, stream: EngineStream, fifo_priority: int) -> None:
    """Build every other score that is asked for beside the processing thread, which then goes on in it."""
    raise_priority(fifo_priority)
    try:
        while True:
            stream.change_score(pipe.receive())
    except (EOFError, OSError):
        return  # the main process has exited


def device_channels(job: Job) -> int:
    """Return the number of channels of the source device."""
    source = device_of(job.source)
    assert source is not None
    return source.n_channels


def find_device(pipe: Pipe, job: Job, rate: int | None) -> Any:
    """Open the backend's device; if it is missing, raise DeviceError, or report once that it is awaited, and wait."""
    source = device_of(job.source)
    either = source or job.sink
    assert either is not None
    module = backend(either.backend)
    reported = False
    while True:
        try:
            return module.Stream(source, job.sink, rate)
        except DeviceError as error:
            if not job.wait:
                raise
            if not reported:
                pipe.send(Waiting(reason=str(error)))
            reported = True
        time.sleep(RETRY_S)
        module.refresh()


def watch(stream: EngineStream, memory: SharedMemory, parent: int) -> None:
    """Update the heartbeat until the processing thread ends and its output is played; exit if the main process dies."""
    while not (stream.hop.finished.is_set() and stream.played()):
        time.sleep(BEAT_S)
        stream.look()
        memory[Counter.HEARTBEAT] += 1
        memory[Counter.CPU_US] = round(time.process_time() * 1e6)
        if os.getppid() != parent:
            os._exit(3)
    memory[Counter.ENDED] = 2


def as_engine_error(error: Exception) -> EngineError:
    """Convert an exception of a processor to an error of one line."""
    if isinstance(error, EngineError):
        return error
    return EngineError("pipeline", expected="a processor that never raises", got=f"{type(error).__name__}: {error}")


def close(device: Any) -> None:
    """Close the device, within a time limit."""
    closing = threading.Thread(target=device.stop, daemon=True)
    closing.start()
    closing.join(CLOSE_S)
