"""Run the processing thread: read the input ring, run the pipeline, write the output, record and event rings."""

from __future__ import annotations

import pickle
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from engine.core.arrays import F32, F64
from engine.core.events import Dropout, Event
from engine.core.flush import flush
from engine.core.ring import RingBuffer, await_rows
from engine.core.shared_memory import Counter, SharedMemory
from engine.dsp.resample import Resampler
from engine.dsp.sanitise import LIMIT, clean
from engine.pipeline.pipeline import Pipeline, ScoreChange
from engine.realtime.losses import LossWatch

__all__ = ["CHUNK", "ProcessingThread", "Rings", "mix", "peaks"]

CHUNK = 1024  # maximum samples per call of the pipeline, so that output resumes soon after a stall
LOOKS = 8  # polls of the input ring per block
LEVEL_HALF_S = 0.2  # seconds in which the level meter falls by half
MIN_NAP_US, MAX_NAP_US = 100, 2000
WAIT_US = 20_000  # microseconds of waiting after which the thread checks its other conditions
RAMP_S = 0.05  # seconds in which a gain goes from 0 to 1: no clicks, and the steps of a MIDI controller are smoothed

Audio = npt.NDArray[np.float32]


@njit(nogil=True, cache=True)
def silence_absurd(block: F32) -> int:
    """Replace invalid samples (see `engine.dsp.sanitise`) of block (sample, channel) by 0 in place; return how many."""
    n = 0
    for i in range(block.shape[0]):
        for channel in range(block.shape[1]):
            sound = clean(block[i, channel], LIMIT)
            n += sound != block[i, channel]
            block[i, channel] = sound
    return n


@njit(nogil=True, cache=True)
def mix(stems: F32, before: F64, after: F64, out: F32) -> None:
    """Sum the targets of stems (sample, target, channel) by gain into out (sample, channel).

    A mono stem is copied to every channel. The gains (target) are interpolated linearly from `before` to `after` over
    the block, so a change does not click.
    """
    n, n_targets, n_channels = stems.shape
    for i in range(n):
        place = (i + 1) / n
        for channel in range(out.shape[1]):
            total = 0.0
            for target in range(n_targets):
                gain = before[target] + place * (after[target] - before[target])
                total += gain * stems[i, target, min(channel, n_channels - 1)]
            out[i, channel] = total


@njit(nogil=True, cache=True)
def peaks(stems: F32, levels: F64, fall: float) -> None:
    """Raise each of levels (target) to the peak of its stem, after it has fallen to this share."""
    n, n_targets, n_channels = stems.shape
    for target in range(n_targets):
        peak = levels[target] * fall
        for i in range(n):
            for channel in range(n_channels):
                peak = max(peak, abs(stems[i, target, channel]))
        levels[target] = peak


@dataclass(slots=True)
class Rings:
    """The device's rings, the resamplers between its rate and the pipeline's, and what sets the pace.

    inputs, outputs: the rings
    into, out_of: the resamplers to and from the pipeline's rate
    paced: whether the free space of the output ring sets the pace, because the source is a file
    """

    inputs: RingBuffer
    outputs: RingBuffer | None
    into: Resampler | None = None
    out_of: Resampler | None = None
    paced: bool = False


class ProcessingThread:
    """Process blocks from the input ring until the stream ends.

    grown: called with the longest block when that increases; returns how many more samples the output ring must hold
    """

    def __init__(
        self, memory: SharedMemory, pipeline: Pipeline, rings: Rings, *, record: bool, grown: Callable[[int], int]
    ) -> None:
        self.memory, self.pipeline, self.rings = memory, pipeline, rings
        self._record, self._grown = record, grown
        self._block = np.zeros((CHUNK, pipeline.audio.n_channels), np.float32)
        self._mixed = np.zeros((CHUNK, rings.outputs.data.shape[1] if rings.outputs else 0), np.float32)
        self._gains = memory.gains[: len(pipeline.targets)].copy()
        self._levels = memory.levels[: len(pipeline.targets)]
        self._n_stems = self._unrecorded = 0
        self._losses = LossWatch(memory, self._tell, pipeline.audio.sample_rate)
        self._level = 0.0
        self.longest = 512  # block length in samples
        self.changes: deque[ScoreChange] = deque()  # to be made before the next block
        self.at_end = threading.Event()  # set when no more input will arrive in the input ring
        self.finished = threading.Event()
        self.error: Exception | None = None

    def run(self) -> None:
        """Process until the stream is stopped or its file ends, then flush; the target of the thread."""
        try:
            while not self._done():
                nap_us = self._nap_us
                if self._blocked() or not await_rows(self.rings.inputs.head, 1, WAIT_US // nap_us, nap_us):
                    self._replace_lost()
                else:
                    self.feed(self._block[: self.rings.inputs.read(self._block)])
                self._follow_block()
                self._losses.look(self.memory[Counter.CONSUMED])
            self._flush()
            self._losses.recorded()
            self._losses.look(self.memory[Counter.CONSUMED])
        except Exception as error:  # sent to the main process, which raises it
            self.error = error
        self.memory[Counter.ENDED] = 1
        self.finished.set()

    @property
    def _nap_us(self) -> int:
        """Return the microseconds between two polls of the input ring: 8 polls a block cost little processor time."""
        nap = 1_000_000 * self.longest // (LOOKS * self.pipeline.audio.sample_rate)
        return min(max(nap, MIN_NAP_US), MAX_NAP_US)

    def _done(self) -> bool:
        if self.rings.inputs.n_readable and not (self.rings.paced and self.memory[Counter.STOP]):
            return False
        return bool(self.memory[Counter.STOP]) or self.at_end.is_set()

    def _blocked(self) -> bool:
        """Return whether the output ring has no space for the output of one step; only a file has to wait for that."""
        outputs = self.rings.outputs
        if outputs is None or not self.rings.paced or outputs.n_writable > len(outputs.data) // 2:
            return False
        time.sleep(self._nap_us * 1e-6)
        return True

    def feed(self, block: Audio) -> None:
        """Process one block of the device (sample, channel; changed in place) and write the results to the rings."""
        self.memory[Counter.NON_FINITE] += silence_absurd(block)
        self._measure(block)
        if self.rings.into is not None:
            block = self.rings.into.process(block)
        self.memory[Counter.CONSUMED] += len(block)
        while self.changes:
            self.pipeline.change_score(self.changes.popleft())
        while (order := self.memory.orders.read()) is not None:
            self.pipeline.obey(pickle.loads(order))
        self._process(block)

    def _measure(self, block: Audio) -> None:
        """Measure the peak level of the input, for a meter."""
        peak = max(float(block.max(initial=0.0)), -float(block.min(initial=0.0)))
        self._level = max(peak, self._level * self._fall(len(block)))
        self.memory[Counter.LEVEL] = round(1e6 * self._level)

    def _fall(self, n: int) -> float:
        """Return what is left of a level after so many samples."""
        return float(0.5 ** (n / (LEVEL_HALF_S * self.pipeline.audio.sample_rate)))

    def _process(self, block: Audio, end: int | None = None) -> None:
        """Process one block at the pipeline's rate and write its results, up to sample `end` of the stems."""
        output = self.pipeline.process(block)
        stems = output.stems if end is None else output.stems[: max(0, end - self._n_stems)]
        self._n_stems += len(stems)
        if len(stems):
            peaks(stems, self._levels, self._fall(len(stems)))
        for event in output.events:
            if end is None or event.at < self.memory[Counter.CONSUMED]:  # the flush emits only events within the input
                self._send(event)
        if self._record:
            self._write_record(stems)
        if self.rings.outputs is not None:
            self._play(stems)

    def _send(self, event: Event) -> None:
        if not self._tell(event):
            self.memory[Counter.UNSENT] += 1

    def _tell(self, event: Event) -> bool:
        return self.memory.events.write(pickle.dumps(event))

    def _write_record(self, stems: Audio) -> None:
        """Write stems to the record ring; where it was full, write as much silence first, to keep its clock exact."""
        ring = self.memory.record
        while self._unrecorded and ring.n_writable:
            silence = np.zeros((min(self._unrecorded, ring.n_writable), ring.data.shape[1]), np.float32)
            self._unrecorded -= ring.write(silence)
        n = 0 if self._unrecorded else ring.write(np.ascontiguousarray(stems.reshape(len(stems), ring.data.shape[1])))
        if n:
            self._losses.recorded()
        if n < len(stems):
            self._unrecorded += len(stems) - n
            self.memory[Counter.UNRECORDED] += len(stems) - n
            lost = range(self._n_stems - len(stems) + n, self._n_stems)
            self._losses.unrecorded(lost, self.pipeline.latency)

    def _play(self, stems: Audio) -> None:
        """Write the mix of the stems to the output ring."""
        assert self.rings.outputs is not None
        if len(stems) > len(self._mixed):
            self._mixed = np.zeros((len(stems), self._mixed.shape[1]), np.float32)
        mixed = self._mixed[: len(stems)]
        reach = len(stems) / (RAMP_S * self.pipeline.audio.sample_rate)
        gains = self._gains + np.clip(self.memory.gains[: len(self._gains)] - self._gains, -reach, reach)
        mix(stems, self._gains, gains, mixed)
        self._gains = gains
        if self.rings.out_of is not None:
            mixed = self.rings.out_of.process(mixed)
        self.memory[Counter.PRODUCED] += self.rings.outputs.write(mixed)

    def _replace_lost(self) -> None:
        """Insert silence where the callback lost input; the callback resumes writing after that."""
        counters = self.memory
        lost = counters[Counter.LOST] - counters[Counter.ACKNOWLEDGED]
        if not lost or self.rings.inputs.n_readable:
            return
        at = counters[Counter.CONSUMED]
        for start in range(0, lost, CHUNK):
            self._block[:] = 0.0
            self.feed(self._block[: lost - start])
        counters[Counter.ACKNOWLEDGED] += lost
        now = counters[Counter.CONSUMED]
        self._send(Dropout(at=at, emitted_at=now, samples=now - at, where="input"))

    def _follow_block(self) -> None:
        """When the device's block has outgrown the fill of the output ring, add samples and report the new latency."""
        longest = self.memory[Counter.LONGEST]
        if longest <= self.longest or self.rings.paced:
            return
        self.longest = longest
        more = self._grown(longest)
        if more and self.rings.outputs is not None:
            self.rings.outputs.write(np.zeros((more, self.rings.outputs.data.shape[1]), np.float32))
            now = self.memory[Counter.CONSUMED]
            self._send(Dropout(at=now, emitted_at=now, samples=more, where="longer block"))

    def _flush(self) -> None:
        """Feed silence until the last sample of the input has come out."""
        end = self.memory[Counter.CONSUMED] + self.pipeline.latency
        pipeline = self.pipeline
        silence = np.zeros_like(self._block)
        for block in flush(silence, lambda: self._n_stems >= end, latency=pipeline.latency, lag=pipeline.lag):
            while self._blocked() and not self.memory[Counter.STOP]:
                pass
            self._process(block, end)
