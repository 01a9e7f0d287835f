"""Run one stream in the engine process.

The stream joins the device's rings, the processing thread and the file reader, and declares the latency.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from engine.audio.callback import context
from engine.audio.delivery import await_delivery, await_ready
from engine.audio.devices import is_file
from engine.audio.files import AudioReader
from engine.core.errors import DeviceError, EngineError
from engine.core.ring import RingBuffer, private_ring
from engine.core.shared_memory import Counter, SharedMemory
from engine.core.thread_priority import raise_priority
from engine.dsp.resample import ResampleConfig, Resampler
from engine.pipeline.pipeline import Pipeline
from engine.realtime.messages import ChangeScore, Job, Latency, Running, Unchanged
from engine.realtime.processing_thread import ProcessingThread, Rings
from engine.realtime.warm import prefill, rehearse_pipeline

__all__ = ["EngineStream"]

RING_S = 2.0  # seconds that the processing thread may stall before input is lost
FILE_AHEAD_S = 0.25  # seconds of a file that are read and ready before playback starts
SLACK_S = 0.01  # seconds; see SessionConfig
NAP_S = 0.002


class EngineStream:
    """Connect a device to a pipeline.

    hop_size: samples that the pipeline emits at a time
    """

    def __init__(self, job: Job, device: Any, pipeline: Pipeline, hop_size: int, memory: SharedMemory) -> None:
        self._job, self._device, self._pipeline, self._memory = job, device, pipeline, memory
        self._hop_size = hop_size
        self._ratio = device.sample_rate / pipeline.audio.sample_rate
        self._ready = 0  # samples of silence in the output ring at the start
        self._last = 0  # the device's sample count when there was last output to play
        self._fifo = ""
        self._send: Callable[[Any], None] = lambda message: None
        self._rings = self._make_rings()
        rehearse_pipeline(pipeline, self._rings, hop_size)
        self.hop = ProcessingThread(memory, pipeline, self._rings, record=job.record, grown=self._grown)

    def _make_rings(self) -> Rings:
        n, sink, paced = self._pipeline.audio.n_channels, self._job.sink, is_file(self._job.source)
        if sink is not None and n not in (1, sink.n_channels):
            raise DeviceError(
                sink.name or "output device",
                expected=f"{n} channels, as many as the input",
                got=str(sink.n_channels),
                remedy="ask for as many, or mix the input down",
            )
        into = out_of = None
        rate, own = self._device.sample_rate, self._pipeline.audio.sample_rate
        if rate != own and not paced:
            into = Resampler(ResampleConfig(source_rate=rate, target_rate=own, n_channels=n))
        if rate != own and sink is not None:
            out_of = Resampler(ResampleConfig(source_rate=own, target_rate=rate, n_channels=sink.n_channels))
        outputs = self._ring(sink.n_channels) if sink is not None else None
        return Rings(self._ring(n), outputs, into, out_of, paced)

    def _ring(self, width: int) -> RingBuffer:
        rows = int(RING_S * self._device.sample_rate + 8 * self._hop_size * max(1.0, self._ratio))
        return private_ring(rows, width)

    def start(self, send: Callable[[Any], None], reader: AudioReader | None) -> None:
        """Start device and threads; send `Running` once the device delivers samples."""
        self._send = send
        rings = self._rings
        ctx = context(self._memory.counters, None if rings.paced else rings.inputs, rings.outputs)
        self._device.start(ctx, self._job.block)
        await_delivery(self._device, self._memory.counters)
        self.hop.longest = self._memory[Counter.LONGEST]
        if not rings.paced:
            self._add_silence(self._needed(self.hop.longest))
        started = threading.Event()
        threading.Thread(target=self._work, args=(started,), daemon=True, name="hop").start()
        started.wait()
        if reader is not None:
            self._start_file(reader)
        self._memory[Counter.ARMED_AT] = self._memory[Counter.SAMPLES]
        self._memory[Counter.ARMED] = 1
        self._announce()

    def _work(self, started: threading.Event) -> None:
        """Run the processing thread."""
        self._fifo = raise_priority(self._job.fifo_priority)
        started.set()
        self.hop.run()

    def _start_file(self, reader: AudioReader) -> None:
        threading.Thread(target=self._read, args=(reader,), daemon=True, name="reader").start()
        outputs, ahead = self._rings.outputs, int(FILE_AHEAD_S * self._device.sample_rate)
        assert outputs is not None
        await_ready(lambda: outputs.n_readable >= ahead or self.hop.finished.is_set())

    def _read(self, reader: AudioReader) -> None:
        """Run the reader thread: copy the file into the input ring as space permits."""
        raise_priority(self._job.fifo_priority - 1)
        inputs, at = self._rings.inputs, 0
        for block in reader.blocks():
            part = np.ascontiguousarray(block[max(0, self._job.start - at) :])
            at += len(block)
            while len(part) and not self._memory[Counter.STOP]:
                part = part[inputs.write(part) :]
                time.sleep(NAP_S if len(part) else 0)
        self.hop.at_end.set()

    def _needed(self, block: int) -> int:
        """Return the samples that the output ring must be filled with for blocks of this length.

        Notes of an accompaniment need as much time to reach a port as sound to reach the output.
        """
        if self._rings.outputs is None and self._job.pipeline.accompany is None:
            return 0
        slack_ms, rate = self._job.slack_ms, self._device.sample_rate
        slack = max(block, round(SLACK_S * rate)) if slack_ms is None else round(slack_ms * rate / 1000)
        return prefill(block, self._hop_size, slack, self._ratio, even=self._pipeline.even)

    def _add_silence(self, n: int) -> None:
        self._ready += n
        if self._rings.outputs is not None:
            self._rings.outputs.write(np.zeros((n, self._rings.outputs.data.shape[1]), np.float32))

    def _grown(self, block: int) -> int:
        """Return how many more samples the output ring must hold, now that the device's blocks are longer."""
        more = max(0, self._needed(block) - self._ready)
        self._ready += more
        self._announce()
        return more

    def _announce(self) -> None:
        self._declared = self._latency()
        self._memory[Counter.LATENCY] = self._declared.total
        self._pipeline.declare_latency(round(self._declared.total / self._ratio))
        silence_s = self._device.silence_s
        self._send(Running(latency=self._declared, fifo=self._fifo, block=self.hop.longest, silence_s=silence_s))

    def _latency(self) -> Latency:
        """Return the current declared latency."""
        into, out_of = self._rings.into, self._rings.out_of
        resampling = (into.latency * self._ratio if into else 0) + (out_of.latency if out_of else 0)
        return Latency(
            sample_rate=self._device.sample_rate,
            device=sum(self._device.latency),
            rings=self._ready,
            resampling=round(resampling),
            pipeline=round(self._pipeline.latency * self._ratio),
        )

    def change_score(self, message: ChangeScore) -> None:
        """Build another score, and have the processing thread go on in it."""
        try:
            self.hop.changes.append(self._pipeline.prepare(message.pipeline, message.quarter))
        except EngineError as error:
            self._send(Unchanged(error=error))

    def look(self) -> None:
        """Tell the main process, by a counter, if the device reports that it has disconnected."""
        if not self._device.alive:
            self._memory[Counter.SHUTDOWN] = 1

    def played(self) -> bool:
        """Return whether all output has been played; a stopped stream does not wait for that."""
        outputs, now = self._rings.outputs, self._memory[Counter.SAMPLES]
        if outputs is None or self._memory[Counter.STOP]:
            return True
        if outputs.n_readable:
            self._last = now
        return now - self._last >= 2 * self.hop.longest + self._declared.device
