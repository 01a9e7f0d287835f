"""The engine process: open the device, warm the pipeline, run the processing thread, and leave without cleaning up."""

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
from engine.core.errors import DeviceError, EngineError
from engine.core.format import AudioFormat
from engine.core.shared_memory import Counter, Layout, SharedMemory
from engine.core.thread_priority import raise_priority
from engine.pipeline.pipeline import Pipeline
from engine.realtime.engine_stream import EngineStream
from engine.realtime.messages import Ended, Failed, Job, Opened, Waiting
from engine.realtime.warm import warm

__all__ = ["run_engine_process"]

RETRY_S = 0.25  # between looks for a device that is gone
BEAT_S = 0.02
CLOSE_S = 0.5  # PortAudio may hang for ever in close
SWITCH_S = 0.0005  # the interpreter's switch interval: the processing thread must not wait for the main thread here


class Pipe:
    """Pickled messages from and to the main process; nothing else may come between them."""

    def __init__(self) -> None:
        self._in, self._out = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
        self._lock = threading.Lock()
        os.dup2(2, 1)  # libraries print

    def receive(self) -> Any:
        """The next message."""
        return pickle.load(self._in)

    def send(self, message: Any) -> None:
        """Send at once."""
        with self._lock:
            pickle.dump(message, self._out)
            self._out.flush()


def run_engine_process() -> None:
    """Serve one session, then leave the process, whatever still hangs in it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.setswitchinterval(SWITCH_S)
    pipe = Pipe()
    code = 0
    try:
        serve(pipe, pipe.receive())
    except EngineError as error:
        pipe.send(Failed(error=error))
        code = 1
    except (EOFError, BrokenPipeError):
        code = 2  # the main process is gone
    sys.stderr.flush()
    os._exit(code)


def serve(pipe: Pipe, job: Job) -> None:
    """Do the job."""
    parent = os.getppid()
    reader = AudioReader(job.source) if is_file(job.source) else None
    rate = job.sample_rate or (reader.format.sample_rate if reader else None)
    # The device's own rate decides where none is asked for; a device that is waited for is looked for last.
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
    # Who holds the interpreter's lock must not be put aside for a common process while the processing thread waits.
    raise_priority(job.fifo_priority - 1)
    watch(stream, memory, parent)
    if stream.hop.error is not None:
        raise as_engine_error(stream.hop.error)
    pipe.send(Ended())
    close(device)


def device_channels(job: Job) -> int:
    """The channels of the device that is the source."""
    source = device_of(job.source)
    assert source is not None
    return source.n_channels


def find_device(pipe: Pipe, job: Job, rate: int | None) -> Any:
    """Open the backend's device; if it is not there, DeviceError, or wait for it and say so once."""
    source = device_of(job.source)
    either = source or job.sink
    assert either is not None
    module = backend(either.backend)
    told = False
    while True:
        try:
            return module.Stream(source, job.sink, rate)
        except DeviceError as error:
            if not job.wait:
                raise
            if not told:
                pipe.send(Waiting(reason=str(error)))
            told = True
        time.sleep(RETRY_S)
        module.refresh()


def watch(stream: EngineStream, memory: SharedMemory, parent: int) -> None:
    """Beat until the processing thread is done, and what it made is played; leave at once if the main process dies."""
    while not (stream.hop.finished.is_set() and stream.played()):
        time.sleep(BEAT_S)
        stream.look()
        memory[Counter.HEARTBEAT] += 1
        memory[Counter.CPU_US] = round(time.process_time() * 1e6)
        if os.getppid() != parent:
            os._exit(3)
    memory[Counter.ENDED] = 2


def as_engine_error(error: Exception) -> EngineError:
    """A processor's mistake, as something that can be told in one line."""
    if isinstance(error, EngineError):
        return error
    return EngineError("pipeline", expected="a processor that never raises", got=f"{type(error).__name__}: {error}")


def close(device: Any) -> None:
    """Leave the device politely, but not at any price."""
    closing = threading.Thread(target=device.stop, daemon=True)
    closing.start()
    closing.join(CLOSE_S)
